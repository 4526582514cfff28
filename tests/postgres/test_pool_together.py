"""Statements of one kind that wait for a connection share a transaction, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from tests.support.asleep import Sleeper
from tests.support.queueing import queued

from keyturn.adapters.postgres.errors import DatabaseUnreachable
from keyturn.adapters.postgres.queued import MOST_TOGETHER

if TYPE_CHECKING:
    from tests.conftest import Database, Eventually

WHO = "select $1::int as n, pg_current_xact_id()::text as transaction"
PUT = (
    "with made as (insert into keyturn.t values ($1) returning n) select 100 / n as share from made"
)
SLEEP = "select $1::int, pg_sleep(60)"


async def test_a_few_share_a_transaction_and_each_has_its_own_answer(database: Database) -> None:
    pool = await database.pool(size=1)
    tasks = await queued(pool, *(pool.fetchrow_together(WHO, n) for n in range(2 * MOST_TOGETHER)))
    rows = await asyncio.gather(*tasks)
    assert [row["n"] for row in rows] == list(range(2 * MOST_TOGETHER))
    assert len({row["transaction"] for row in rows}) == 2
    assert pool.idle == 1


async def test_many_connections_share_the_work_rather_than_one_take_all(
    database: Database,
) -> None:
    pool = await database.pool(size=4)
    rows = await asyncio.gather(*(pool.fetchrow_together(WHO, n) for n in range(8)))
    transactions = [row["transaction"] for row in rows if row]
    assert len(transactions) == 8
    assert max(transactions.count(one) for one in transactions) <= 2


async def test_only_what_says_so_shares_and_only_with_its_like(database: Database) -> None:
    pool = await database.pool(size=1)
    tasks = await queued(
        pool,
        pool.fetchrow_together(WHO, 0),
        pool.fetchrow(WHO, 1),
        pool.fetchrow_together(WHO, 2),
        pool.fetchrow_together(WHO + " ", 3),
        pool.fetchrow_together(WHO + " ", 4),
    )
    rows = await asyncio.gather(*tasks)
    assert [row["n"] for row in rows] == [0, 1, 2, 3, 4]
    first, alone, third, *last = (row["transaction"] for row in rows)
    assert len({first, alone, third, *last}) == 4
    assert last[0] == last[1]


async def test_one_that_fails_fails_alone_and_the_others_happen_once(database: Database) -> None:
    pool = await database.pool(size=1)
    await pool.execute("create table keyturn.t (n int)")
    numbers = (5, 0, 20, 4)
    tasks = await queued(pool, *(pool.fetchrow_together(PUT, n) for n in numbers))
    rows: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(rows[1], asyncpg.DivisionByZeroError)
    assert [rows[0]["share"], rows[2]["share"], rows[3]["share"]] == [20, 5, 25]
    kept = await pool.fetch("select n from keyturn.t order by n")
    assert [row["n"] for row in kept] == [4, 5, 20]
    assert pool.idle == 1


async def test_an_argument_that_cannot_be_sent_fails_alone(database: Database) -> None:
    pool = await database.pool(size=1)
    tasks = await queued(pool, *(pool.fetchrow_together(WHO, n) for n in (1, "two", 3)))
    rows: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    one, two, three = rows
    assert (one["n"], three["n"]) == (1, 3)
    assert isinstance(two, asyncpg.DataError)
    assert pool.idle == 1


async def test_a_caller_who_leaves_takes_nothing_from_the_others(
    database: Database, eventually: Eventually
) -> None:
    pool = await database.pool(size=1)
    await pool.execute("create table keyturn.t (n int)")
    slow = (
        "with a as (insert into keyturn.t values ($1) returning n) select n, pg_sleep(0.2) from a"
    )
    sleeper = Sleeper(await database.pool(size=1), eventually)
    leaver, stayer = await queued(pool, *(pool.fetchrow_together(slow, n) for n in (1, 2)))
    await sleeper.sleeps()
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert (await stayer)["n"] == 2
    kept = await pool.fetch("select n from keyturn.t order by n")
    assert [row["n"] for row in kept] == [1, 2]
    assert pool.idle == 1


async def test_a_caller_who_left_before_the_company_failed_is_not_run_for(
    database: Database, eventually: Eventually
) -> None:
    pool = await database.pool(size=1)
    await pool.execute("create table keyturn.t (n int)")
    slow = PUT.replace("from made", "from made, pg_sleep(0.2)")
    sleeper = Sleeper(await database.pool(size=1), eventually)
    failing, leaver = await queued(pool, *(pool.fetchrow_together(slow, n) for n in (0, 5)))
    await sleeper.sleeps()
    leaver.cancel()
    with pytest.raises(asyncpg.DivisionByZeroError):
        await failing
    assert await pool.fetch("select n from keyturn.t") == []


async def test_when_all_have_left_it_ends_on_the_server(
    database: Database, eventually: Eventually
) -> None:
    pool = await database.pool(size=1)
    sleeper = Sleeper(await database.pool(size=1), eventually)
    tasks = await queued(pool, *(pool.fetchrow_together(SLEEP, n) for n in range(3)))
    await sleeper.sleeps()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await sleeper.sleeps_no_more()
    assert await pool.fetchval("select 7") == 7
    assert pool.idle == 1


async def test_a_connection_that_dies_fails_those_it_ran(
    database: Database, eventually: Eventually
) -> None:
    pool = await database.pool(size=1, application_name="mortal")
    sleeper = Sleeper(await database.pool(size=1), eventually)
    *lost, behind = await queued(
        pool, *(pool.fetchrow_together(SLEEP, n) for n in range(2)), pool.fetchval("select 7")
    )
    await sleeper.sleeps()
    await sleeper.kill("mortal")
    errors = await asyncio.gather(*lost, return_exceptions=True)
    assert [type(error) for error in errors] == [DatabaseUnreachable] * 2
    assert errors[0] is not errors[1]
    assert await behind == 7
    assert pool.idle == 1


async def test_a_statement_that_gives_no_row_is_told_so(database: Database) -> None:
    pool = await database.pool(size=1)
    none = "select $1::int where false"
    tasks = await queued(pool, *(pool.fetchrow_together(none, n) for n in range(2)))
    for error in await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5):
        assert isinstance(error, TypeError)
    assert pool.idle == 1


async def test_a_schema_change_is_survived(database: Database) -> None:
    pool = await database.pool(size=1)
    await pool.execute("create table keyturn.t (n int); insert into keyturn.t values (1)")
    star = "select *, $1::int as given from keyturn.t"
    await pool.fetchrow_together(star, 0)
    await pool.execute("alter table keyturn.t add column m int default 9")
    tasks = await queued(pool, *(pool.fetchrow_together(star, n) for n in range(3)))
    rows = await asyncio.gather(*tasks)
    assert [(row["m"], row["given"]) for row in rows] == [(9, 0), (9, 1), (9, 2)]
