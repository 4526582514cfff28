"""LISTEN: every notification, and one call after every gap."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.adapters.postgres.pool import Pool
from keyturn.errors import Unreachable
from keyturn.secret import Secret

if TYPE_CHECKING:
    from tests.conftest import Database


class Heard:
    """Collects payloads; :meth:`until` waits for one."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, payload: str) -> None:
        self.payloads.append(payload)
        self._more.set()

    async def until(self, payload: str) -> None:
        async with asyncio.timeout(10):
            while payload not in self.payloads:
                self._more.clear()
                await self._more.wait()


async def test_each_channel_hears_its_own(database: Database) -> None:
    pool = await database.pool()
    ring, keys = Heard(), Heard()
    await pool.listen("ring", ring)
    await pool.listen("keys", keys)
    await pool.execute("select pg_notify($1, $2)", "ring", "1")
    await pool.execute("select pg_notify($1, $2)", "keys", "a")
    await ring.until("1")
    await keys.until("a")
    assert (ring.payloads, keys.payloads) == (["1"], ["a"])


async def test_a_notification_is_heard_only_after_its_commit(database: Database) -> None:
    pool = await database.pool()
    heard = Heard()
    await pool.listen("ring", heard)
    async with pool.transaction() as connection:
        await connection.execute("select pg_notify('ring', 'early')")
        await asyncio.sleep(0.05)
        assert heard.payloads == []
    await heard.until("early")


async def test_two_on_one_channel_and_one_stops(database: Database) -> None:
    pool = await database.pool()
    first, second = Heard(), Heard()
    subscription = await pool.listen("ring", first)
    await pool.listen("ring", second)
    await subscription.stop()
    await pool.execute("select pg_notify('ring', 'x')")
    await second.until("x")
    assert first.payloads == []


async def test_a_cut_connection_comes_back_and_says_so_once(database: Database) -> None:
    pool = await database.pool(application_name="cut")
    heard = Heard()
    await pool.listen("ring", heard)
    admin = await database.pool(database.dsn, size=1)
    await admin.fetchval(
        "select pg_terminate_backend(pid, 2000) from pg_stat_activity where application_name = $1",
        "cut listen",
    )
    await heard.until("")
    await pool.execute("select pg_notify('ring', 'after')")
    await heard.until("after")
    assert heard.payloads == ["", "after"]


async def test_after_a_crash_it_listens_again(
    own: EmbeddedPostgres, crash: Callable[[EmbeddedPostgres], Awaitable[None]]
) -> None:
    await own.start()
    pool = await Pool.open(own.dsn("postgres"), size=2, wait=10)
    heard, other = Heard(), Heard()
    await pool.listen("ring", heard)
    await pool.listen("keys", other)
    await crash(own)
    await asyncio.sleep(0.3)
    assert heard.payloads == [], "not before the connection is back"
    await own.start()
    await heard.until("")
    await other.until("")
    await pool.execute("select pg_notify('keys', 'after')")
    await other.until("after")
    assert heard.payloads == [""]
    await pool.close()


async def test_listening_to_nobody_fails_at_first(tmp_path: Path) -> None:
    pool = Pool(
        Secret(f"postgresql://u:p@/d?host={tmp_path}&port=5"),
        size=1,
        prepare=(),
        wait=1,
        application_name="t",
    )
    with pytest.raises(Unreachable):
        await pool.listen("ring", Heard())
    await pool.close()
