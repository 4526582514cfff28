"""More statements than connections: each waits its turn, runs once, and never costs a place."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import asyncpg
import pytest
from tests.support.asleep import SLEEP, Sleeper
from tests.support.queueing import queued

from keyturn.adapters.postgres.errors import DatabaseUnreachable

if TYPE_CHECKING:
    from tests.conftest import Database, Eventually


async def test_each_gets_its_own_answer_or_its_own_error(database: Database) -> None:
    pool = await database.pool(size=2)

    asked = (pool.fetchval("select 100 / $1::int", n % 5) for n in range(60))
    for n, answer in enumerate(await asyncio.gather(*asked, return_exceptions=True)):
        if n % 5:
            assert answer == 100 // (n % 5)
        else:
            assert isinstance(answer, asyncpg.DivisionByZeroError)
    assert pool.idle == 2


async def test_whoever_waits_longest_is_first_be_it_a_statement_or_a_transaction(
    database: Database,
) -> None:
    pool = await database.pool(size=1)
    order: list[str] = []

    async def statement(name: str) -> None:
        await pool.fetchval("select 1")
        order.append(name)

    async def transaction(name: str) -> None:
        async with pool.transaction():
            order.append(name)

    kinds = (statement, statement, transaction, statement, transaction)
    await asyncio.gather(*await queued(pool, *(kind(str(n)) for n, kind in enumerate(kinds))))
    assert order == ["0", "1", "2", "3", "4"]
    assert pool.idle == 1


async def test_one_that_is_cancelled_while_it_waits_never_runs(database: Database) -> None:
    pool = await database.pool(size=1)
    await pool.execute("create table keyturn.t (n int)")
    insert = "insert into keyturn.t values ($1)"
    async with pool.connection():
        tasks = [asyncio.create_task(pool.fetchval(insert, n)) for n in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert [row[0] for row in await pool.fetch("select n from keyturn.t order by n")] == [0, 2]


async def test_one_that_is_cancelled_while_it_runs_ends_on_the_server(
    database: Database, eventually: Eventually
) -> None:
    pool = await database.pool(size=1)
    sleeper = Sleeper(await database.pool(size=1), eventually)
    slow, behind = await queued(pool, pool.fetchval(SLEEP), pool.fetchval("select 7"))
    await sleeper.sleeps()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await asyncio.wait_for(behind, 5) == 7
    await sleeper.sleeps_no_more()
    assert pool.idle == 1


async def test_one_that_waits_in_vain_says_why_and_leaves_the_queue(database: Database) -> None:
    pool = await database.pool(size=1, wait=0.05)
    async with pool.connection():
        with pytest.raises(DatabaseUnreachable, match=r"All 1 .* busy for 0\.05 seconds"):
            await pool.fetchval("select 1")
    assert await pool.fetchval("select 1") == 1
    assert pool.idle == 1


async def test_a_connection_that_dies_fails_one_statement_and_the_rest_are_served(
    database: Database, eventually: Eventually
) -> None:
    pool = await database.pool(size=1, application_name="mortal")
    sleeper = Sleeper(await database.pool(size=1), eventually)
    slow, *rest = await queued(
        pool, pool.fetchval(SLEEP), *(pool.fetchval("select $1::int", n) for n in range(5))
    )
    await sleeper.sleeps()
    await sleeper.kill("mortal")
    with pytest.raises(DatabaseUnreachable):
        await slow
    assert await asyncio.gather(*rest) == list(range(5))
    assert pool.idle == 1


async def test_a_pool_that_closes_meanwhile_lets_nobody_wait_for_ever(database: Database) -> None:
    pool = await database.pool(size=1)
    async with pool.connection():
        waiting = [asyncio.create_task(pool.fetchval("select 1")) for _ in range(3)]
        await asyncio.sleep(0)
        await pool.close()
    results = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert all(isinstance(result, DatabaseUnreachable) for result in results)


@pytest.mark.parametrize("seed", range(6))
async def test_no_cancellation_at_any_moment_costs_a_place(database: Database, seed: int) -> None:
    dice = random.Random(seed)
    pool = await database.pool(size=3)

    async def transaction() -> int:
        async with pool.transaction() as held:
            return int(await held.fetchval("select 1"))

    for _ in range(15):
        tasks = [
            asyncio.create_task(
                dice.choice(
                    (
                        transaction,
                        lambda: pool.fetchval("select $1::int", 1),
                        lambda: pool.fetchrow_together("select $1::int", 1),
                        lambda: pool.fetchrow_together("select 1 / $1::int", dice.randrange(3)),
                    )
                )()
            )
            for _ in range(20)
        ]
        for task in dice.sample(tasks, 12):
            await asyncio.sleep(dice.choice((0, 0, dice.random() / 500)))
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    answers = await asyncio.gather(*(pool.fetchval("select $1::int", n) for n in range(50)))
    assert answers == list(range(50))
    assert pool.idle == 3
