"""One PostgreSQL connection that holds its prepared statements.

asyncpg's own pool resets a connection on release: a round trip per request. Ours does not, and
keeps the statements prepared (stack.md §2, mode ``fnraw``: 10.1 k against 6.1 k transactions/s).
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from keyturn.adapters.postgres.errors import DatabaseUnreachable
from keyturn.secret import Secret
from keyturn.secret_access import reveal

Record = asyncpg.Record
STATEMENTS_HELD = 256
CONNECT_SECONDS = 5.0

GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
)
"""What asyncpg raises when the database, not the statement, is the trouble."""


_WORDS: Final[Mapping[type[BaseException], str]] = {
    FileNotFoundError: "its socket is not there",
    ConnectionRefusedError: "nobody listens at its address",
    socket.gaierror: "its host name is not known",
    TimeoutError: "it did not answer in time",
}


def gone(error: BaseException) -> bool:
    """Tell whether ``error`` means that the database is away or the connection broke."""
    if isinstance(error, GONE):
        return True
    text = str(error)
    return isinstance(error, asyncpg.InterfaceError) and (
        "connection is closed" in text or "underlying connection is closed" in text
    )


def unreachable(error: BaseException) -> DatabaseUnreachable:
    """Return the error a caller sees for a broken connection; the DSN is never part of it."""
    kinds = (words for kind, words in _WORDS.items() if isinstance(error, kind))
    why = next(kinds, type(error).__name__)
    return DatabaseUnreachable(f"The database connection failed: {why}.")


class Held:
    """A connection with its prepared statements, least recently used dropped first."""

    __slots__ = ("_statements", "raw")

    def __init__(self, raw: asyncpg.Connection[Record]) -> None:
        """``raw`` is the asyncpg connection, which this object owns."""
        self.raw = raw
        self._statements: OrderedDict[str, PreparedStatement[Record]] = OrderedDict()

    def find(self, sql: str) -> PreparedStatement[Record] | None:
        """Return ``sql`` if it is prepared on this connection."""
        statement = self._statements.get(sql)
        if statement is not None:
            self._statements.move_to_end(sql)
        return statement

    async def prepared(self, sql: str) -> PreparedStatement[Record]:
        """Return ``sql`` prepared on this connection."""
        statement = self.find(sql)
        if statement is None:
            statement = await self.raw.prepare(sql)
            if len(self._statements) >= STATEMENTS_HELD:
                self._statements.popitem(last=False)
            self._statements[sql] = statement
        return statement

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """Return all rows."""
        return await (await self.prepared(sql)).fetch(*args)

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """Return the first row or ``None``."""
        return await (await self.prepared(sql)).fetchrow(*args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or ``None``."""
        return await (await self.prepared(sql)).fetchval(*args)

    async def execute(self, sql: str, *args: Any) -> str:
        """Run ``sql`` and return its command tag; without ``args`` it may hold many statements."""
        if not args:
            return await self.raw.execute(sql)
        statement = await self.prepared(sql)
        await statement.fetch(*args)
        return statement.get_statusmsg() or ""

    def forget(self) -> None:
        """Drop the prepared statements, whose plans a schema change made invalid."""
        self._statements.clear()

    @property
    def open(self) -> bool:
        """Whether the connection is open."""
        return not self.raw.is_closed()

    @property
    def usable(self) -> bool:
        """Whether the connection is open and outside a transaction."""
        return not self.raw.is_closed() and not self.raw.is_in_transaction()


async def connect(
    dsn: Secret, *, application_name: str, prepare: Iterable[str] = (), timeout: float
) -> Held:
    """Open a connection within ``timeout`` seconds; raises what asyncpg raises."""
    raw = await asyncpg.connect(
        reveal(dsn).decode(),
        timeout=timeout,
        server_settings={"jit": "off", "application_name": application_name},
    )
    held = Held(raw)
    try:
        for sql in prepare:
            await held.prepared(sql)
    except BaseException:
        raw.terminate()
        raise
    return held


async def connect_until(
    deadline: float, dsn: Secret, *, application_name: str, prepare: Iterable[str] = ()
) -> Held:
    """Keep trying to connect until ``deadline`` (loop time), then raise ``DatabaseUnreachable``.

    A wrong password or database name is not waited for: asyncpg's error passes.
    """
    clock = asyncio.get_running_loop().time
    pause = 0.02
    while True:
        left = deadline - clock()
        try:
            return await connect(
                dsn,
                application_name=application_name,
                prepare=prepare,
                timeout=max(0.1, min(left, CONNECT_SECONDS)),
            )
        except (*GONE, TimeoutError) as error:
            if clock() + pause >= deadline:
                raise unreachable(error) from error
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.25)
