"""The pool: statements stay prepared, restarts are waited for, nothing unclean is lent again."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from tests.support.asleep import SLEEP, Sleeper

from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.adapters.postgres.errors import DatabaseUnreachable
from keyturn.adapters.postgres.pool import Pool
from keyturn.errors import Unreachable
from keyturn.secret import Secret
from keyturn.secret_access import reveal

if TYPE_CHECKING:
    from tests.conftest import Database, Eventually


async def test_a_statement_is_prepared_once_per_connection(database: Database) -> None:
    pool = await database.pool(size=1)
    sql = "select $1::int + 1"
    for n in range(20):
        assert await pool.fetchval(sql, n) == n + 1
    prepared = "select count(*) from pg_prepared_statements where statement = $1"
    assert await pool.fetchval(prepared, sql) == 1


async def test_named_statements_are_prepared_before_the_first_request(database: Database) -> None:
    pool = await database.pool(size=1, prepare=["select 42 as answer"])
    held = "select exists (select from pg_prepared_statements where statement = $1)"
    assert await pool.fetchval(held, "select 42 as answer") is True


async def test_the_four_ways_to_ask(database: Database) -> None:
    pool = await database.pool()
    rows = await pool.fetch("select n, n * n as square from generate_series(1, 3) n")
    assert [(row["n"], row["square"]) for row in rows] == [(1, 1), (2, 4), (3, 9)]
    row = await pool.fetchrow("select 1 as one, '{\"a\": 1}'::jsonb as document")
    assert row is not None
    assert dict(row) == {"one": 1, "document": '{"a": 1}'}
    assert await pool.fetchrow("select 1 where false") is None
    assert await pool.execute("create temp table t (n int); insert into t values (1), (2)") == (
        "INSERT 0 2"
    )


async def test_a_schema_change_under_a_prepared_statement_is_not_noticed(
    database: Database,
) -> None:
    pool = await database.pool(size=1)
    await pool.execute(
        "create table keyturn.changing (a int); insert into keyturn.changing values (1)"
    )
    assert [dict(row) for row in await pool.fetch("select * from keyturn.changing")] == [{"a": 1}]
    await pool.execute("alter table keyturn.changing add column b int default 2")
    rows = await pool.fetch("select * from keyturn.changing")
    assert [dict(row) for row in rows] == [{"a": 1, "b": 2}]


async def test_a_failing_statement_passes_its_error_and_spoils_nothing(database: Database) -> None:
    pool = await database.pool(size=1)
    backend = await pool.fetchval("select pg_backend_pid()")
    with pytest.raises(asyncpg.UndefinedTableError):
        await pool.fetch("select * from nowhere")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await pool.fetchval("select 1 / $1::int", 0)
    assert await pool.fetchval("select pg_backend_pid()") == backend


async def test_a_transaction_commits_or_leaves_nothing(database: Database) -> None:
    pool = await database.pool(size=1)
    await pool.execute("create table keyturn.t (n int)")
    async with pool.transaction() as connection:
        await connection.execute("insert into keyturn.t values ($1)", 1)

    async def fails(n: int, statement: str, mistake: Exception | None = None) -> None:
        async with pool.transaction() as connection:
            await connection.execute("insert into keyturn.t values ($1)", n)
            await connection.fetchval(statement)
            raise mistake or AssertionError

    with pytest.raises(asyncpg.DivisionByZeroError):
        await fails(2, "select 1 / 0")
    with pytest.raises(KeyError):
        await fails(3, "select 1", KeyError())
    assert await pool.fetchval("select array_agg(n) from keyturn.t") == [1]


async def test_a_read_only_transaction_writes_nothing(database: Database) -> None:
    pool = await database.pool(size=1)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with pool.transaction(readonly=True) as connection:
            await connection.execute("create table keyturn.t (n int)")


async def test_an_open_transaction_is_never_lent_to_the_next(database: Database) -> None:
    pool = await database.pool(size=1)
    await pool.execute("begin; create table keyturn.t (n int)")
    assert await pool.fetchval("select to_regclass('keyturn.t') is null") is True


async def test_a_cancelled_query_ends_on_the_server_and_frees_its_place(
    database: Database, eventually: Eventually
) -> None:
    pool = await database.pool(size=1)
    sleeper = Sleeper(await database.pool(size=1), eventually)
    slow = asyncio.create_task(pool.fetchval(SLEEP))
    await sleeper.sleeps()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert pool.idle == 1
    assert await asyncio.wait_for(pool.fetchval("select 7"), 2) == 7
    await sleeper.sleeps_no_more()


async def test_many_cancellations_leave_a_working_pool(database: Database) -> None:
    pool = await database.pool(size=3)
    for delay in range(30):
        tasks = [asyncio.create_task(pool.fetchval("select $1::int", n)) for n in range(6)]
        await asyncio.sleep(delay / 10_000)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert pool.idle == 3
    answers = await asyncio.gather(*(pool.fetchval("select $1::int", n) for n in range(50)))
    assert answers == list(range(50))


async def test_a_transaction_cancelled_half_way_is_rolled_back(database: Database) -> None:
    pool = await database.pool(size=1)
    await pool.execute("create table keyturn.t (n int)")
    inside = asyncio.Event()

    async def half() -> None:
        async with pool.transaction() as connection:
            await connection.execute("insert into keyturn.t values ($1)", 1)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(half())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await pool.fetchval("select count(*) from keyturn.t") == 0


async def test_no_more_connections_than_asked_for(database: Database) -> None:
    pool = await database.pool(size=3, application_name="counted")
    await asyncio.gather(*(pool.fetchval("select pg_sleep(0.01)") for _ in range(20)))
    counted = "select count(*) from pg_stat_activity where application_name = 'counted'"
    assert 1 <= await pool.fetchval(counted) <= 3


async def test_when_all_are_busy_it_says_so(database: Database) -> None:
    pool = await database.pool(size=1, wait=0.1)
    async with pool.connection():
        with pytest.raises(DatabaseUnreachable, match=r"All 1 .* busy for 0\.1 seconds"):
            await pool.fetchval("select 1")
    assert await pool.fetchval("select 1") == 1


def end_connections(database: Database, application_name: str) -> None:
    """End them without letting the event loop notice (it does not run meanwhile)."""
    statement = (
        "select pg_terminate_backend(pid, 2000) from pg_stat_activity"
        f" where application_name = '{application_name}'"
    )
    psql = str(database.cluster.binary("psql"))
    subprocess.run([psql, reveal(database.dsn).decode(), "-Xqc", statement], check=True)


async def test_connections_that_died_unnoticed_cost_nobody_a_request(database: Database) -> None:
    pool = await database.pool(size=3, application_name="doomed")
    await asyncio.gather(*(pool.fetchval("select pg_sleep(0.01)") for _ in range(3)))
    end_connections(database, "doomed")
    answers = await asyncio.gather(*(pool.fetchval("select $1::int", n) for n in range(6)))
    assert answers == list(range(6))


async def test_a_query_cut_off_is_unreachable_not_a_stack_of_asyncpg(database: Database) -> None:
    pool = await database.pool(size=1)
    other = await database.pool(database.dsn, size=1)
    backend = await pool.fetchval("select pg_backend_pid()")
    slow = asyncio.create_task(pool.fetchval("select pg_sleep(60)"))
    await asyncio.sleep(0.05)
    await other.fetchval("select pg_terminate_backend($1, 2000)", backend)
    with pytest.raises(Unreachable):
        await slow
    assert await pool.fetchval("select 1") == 1


async def test_a_wrong_password_is_told_at_once_and_never_shown(postgres: EmbeddedPostgres) -> None:
    right = reveal(postgres.dsn("postgres")).decode()
    password = right.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError) as refused:
        await Pool.open(Secret(right.replace(password, "hunter2hunter2")), wait=30)
    assert "hunter2" not in repr(refused.value)


async def test_nobody_there(tmp_path: Path) -> None:
    dsn = Secret(f"postgresql://u:hunter2@/postgres?host={tmp_path}&port=5")
    with pytest.raises(DatabaseUnreachable) as away:
        await Pool.open(dsn, wait=0.2)
    assert "hunter2" not in str(away.value)


async def test_a_closed_pool_answers_no_more(database: Database) -> None:
    pool = await database.pool()
    await pool.close()
    with pytest.raises(Unreachable, match="closed"):
        await pool.fetchval("select 1")


async def test_requests_wait_while_the_database_restarts(
    own: EmbeddedPostgres, crash: Callable[[EmbeddedPostgres], Awaitable[None]]
) -> None:
    await own.start()
    pool = await Pool.open(own.dsn("postgres"), size=4, wait=10)
    await asyncio.gather(*(pool.fetchval("select pg_sleep(0.01)") for _ in range(4)))
    await crash(own)
    waiting = [asyncio.create_task(pool.fetchval("select 1")) for _ in range(10)]
    await asyncio.sleep(0.3)
    # A backend may outlive its postmaster for a moment and answer; the others must wait, not fail.
    assert not all(task.done() for task in waiting)
    assert all(task.exception() is None for task in waiting if task.done())
    await own.start()
    assert await asyncio.gather(*waiting) == [1] * 10
    await pool.close()


async def test_a_database_that_stays_away_is_unreachable_in_time(
    own: EmbeddedPostgres, crash: Callable[[EmbeddedPostgres], Awaitable[None]]
) -> None:
    await own.start()
    pool = await Pool.open(own.dsn("postgres"), size=2, wait=0.3)
    await crash(own)
    started = asyncio.get_running_loop().time()
    with pytest.raises(Unreachable):
        await pool.fetchval("select 1")
    assert asyncio.get_running_loop().time() - started < 2
    await own.start()
    assert await pool.fetchval("select 1") == 1
    await pool.close()
