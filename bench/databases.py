"""Databases of different sizes on one cluster of the benchmark's own, and Auth servers on them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Final

import httpx
from asyncpg import Record
from tests.support.stack import environment, free_port
from tests.support.wire import Spoken, counting

from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.adapters.postgres.migrations import migrate
from keyturn.adapters.postgres.pool import Pool
from keyturn.secret_access import reveal

_POPULATION: Final = (Path(__file__).parent / "population.sql").read_text()
_BATCH: Final = 50_000
_TABLES: Final = ("users", "identities", "sessions", "refresh_tokens", "mfa_amr_claims")
_INDEXES: Final = """
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
  from pg_index i
 where i.indrelid = any (select ('auth.' || t)::regclass from unnest($1::text[]) t)
   and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
"""
# Rows that are made up need no checks of foreign keys and survive no loss of power.
_IN_A_HURRY: Final = (
    "set session_replication_role = replica",
    "set synchronous_commit = off",
    "set work_mem = '256MB'",
    "set maintenance_work_mem = '512MB'",
)


class Databases:
    """A running cluster; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is empty and will be removed by the caller."""
        self._folder = folder
        self._cluster = EmbeddedPostgres(folder / "cluster")

    def __enter__(self) -> Databases:
        asyncio.run(self._cluster.start())
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run(self._cluster.stop())
        self._cluster.destroy()

    def url(self, database: str) -> str:
        """The URL of ``database`` for the Auth server, over TCP."""
        return reveal(self._cluster.dsn(database=database, tcp=True)).decode()

    def create(self, database: str, users: int) -> None:
        """Make ``database`` with its schema and so many users (see ``population.sql``)."""
        asyncio.run(self._create(database, users))

    def rows(self, database: str, sql: str, *args: object) -> list[Record]:
        """Run ``sql`` as the superuser."""

        async def run() -> list[Record]:
            pool = await Pool.open(self._cluster.dsn("postgres", database), size=1)
            try:
                return await pool.fetch(sql, *args)
            finally:
                await pool.close()

        return asyncio.run(run())

    @contextmanager
    def server(self, database: str, *, url: str = "", **variables: str) -> Iterator[int]:
        """Yield the port of ``keyturn serve`` with one worker; ``url`` leads there by a detour."""
        port = free_port()
        own = {
            "KEYTURN_DATA_DIR": str(self._folder / "keyturn"),
            "KEYTURN_DATABASE_URL": url or self.url(database),
            "GOTRUE_MAILER_AUTOCONFIRM": "true",
        }
        command = [sys.executable, "-m", "keyturn", "serve", "--port", str(port), "--workers", "1"]
        log = self._folder / f"{database}.log"
        with log.open("ab") as stream:
            process = subprocess.Popen(
                command, env=environment({**own, **variables}), stderr=stream
            )
        try:
            _wait(process, f"http://127.0.0.1:{port}/health/ready", log)
            yield port
        finally:
            process.terminate()
            process.wait(20)

    async def _create(self, database: str, users: int) -> None:
        everything = await Pool.open(self._cluster.dsn("postgres"), size=1)
        try:
            await everything.execute(f"create database {database}")
        finally:
            await everything.close()
        pool = await Pool.open(self._cluster.dsn("postgres", database), size=2)
        try:
            await migrate(pool)
            await _populate(pool, users)
        finally:
            await pool.close()


async def _populate(pool: Pool, users: int) -> None:
    """Fill the tables without their indexes, two connections at a time, then make the indexes."""
    indexes = await pool.fetch(_INDEXES, list(_TABLES))
    for each in indexes:
        await pool.execute(f"drop index {each['name']}")
    firsts = iter(range(1, users + 1, _BATCH))
    definitions = iter([each["definition"] for each in indexes])

    async def fill() -> None:
        async with pool.connection() as held:
            for setting in _IN_A_HURRY:
                await held.raw.execute(setting)
            for first in firsts:
                await held.raw.execute(_POPULATION, first, min(users, first + _BATCH - 1))

    async def index() -> None:
        async with pool.connection() as held:
            for definition in definitions:
                await held.raw.execute(definition)

    await _both(fill(), fill())
    await _both(index(), index())
    for table in _TABLES:
        await pool.execute(f"vacuum analyze auth.{table}")
    await pool.execute("checkpoint")


async def _both(
    one: Coroutine[object, object, None], other: Coroutine[object, object, None]
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(one)
        group.create_task(other)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"keyturn serve is not ready:\n{log.read_text()[-2000:]}")


@contextmanager
def overheard(url: str) -> Iterator[Spoken]:
    """Count what goes through a relay to the PostgreSQL at ``url``, in a thread of its own."""
    begun: Queue[tuple[Spoken, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def relay() -> None:
        async with counting(url) as spoken:
            end = asyncio.Event()
            begun.put((spoken, asyncio.get_running_loop(), end))
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(relay()))
    thread.start()
    spoken, loop, end = begun.get(timeout=10)
    try:
        yield spoken
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
