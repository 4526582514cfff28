"""Our own queue of connections: prepared statements stay, nothing is reset, restarts are survived.

Values come back as asyncpg gives them; ``json`` and ``jsonb`` are text both ways, so that a hot
path can hand the bytes on and others decode with msgspec.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Literal

from asyncpg.prepared_stmt import PreparedStatement

from keyturn.adapters.postgres.connection import Held, Record, gone, unreachable
from keyturn.adapters.postgres.lender import Lender
from keyturn.adapters.postgres.listener import Callback, Listener, Subscription
from keyturn.adapters.postgres.statements import Statements
from keyturn.secret import Secret

Isolation = Literal["read_uncommitted", "read_committed", "repeatable_read", "serializable"]


class Pool:
    """A bounded set of connections, opened when needed; create it with :meth:`open`."""

    def __init__(
        self, dsn: Secret, *, size: int, prepare: Iterable[str], wait: float, application_name: str
    ) -> None:
        """See :meth:`open`; this does not connect."""
        self._dsn = dsn
        self._application_name = application_name
        self._lender = Lender(
            dsn, size=size, prepare=prepare, wait=wait, application_name=application_name
        )
        self._statements = Statements(self._lender)
        self._listener: Listener | None = None

    @classmethod
    async def open(
        cls,
        dsn: Secret,
        *,
        size: int = 16,
        prepare: Iterable[str] = (),
        wait: float = 5.0,
        application_name: str = "keyturn",
    ) -> Pool:
        """Open a pool of up to ``size`` connections, and one at once to see that it works.

        ``prepare`` lists statements that every connection prepares when it opens. ``wait`` is how
        many seconds a request waits for a database that is down, or for a free connection,
        before :class:`DatabaseUnreachable`.
        """
        pool = cls(dsn, size=size, prepare=prepare, wait=wait, application_name=application_name)
        async with pool.connection():
            return pool

    @property
    def size(self) -> int:
        """How many connections there may be."""
        return self._lender.size

    @property
    def idle(self) -> int:
        """How many places are free now."""
        return self._lender.places.free

    def prepare_always(self, statements: Iterable[str]) -> None:
        """Let connections that open from now on prepare ``statements`` too."""
        self._lender.prepare_always(statements)

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """Return all rows of ``sql`` run with ``args`` ($1, $2, …)."""
        return await self._statements.run(PreparedStatement.fetch, sql, args)

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """Return the first row or ``None``."""
        return await self._statements.run(PreparedStatement.fetchrow, sql, args)

    async def fetchrow_together(self, sql: str, *args: Any) -> Record | None:
        """Return the one row of ``sql``, which may share a transaction with others of its kind.

        While calls wait for a connection, one that becomes free takes a few with the same ``sql``:
        one round trip, one commit. When one of them fails nothing has happened, and each runs
        again alone. For statements that always give one row, wait for no lock, set nothing for
        their transaction, and do nothing that a rollback leaves.
        """
        return await self._statements.run(PreparedStatement.fetchrow, sql, args, sociable=True)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or ``None``."""
        return await self._statements.run(PreparedStatement.fetchval, sql, args)

    async def execute(self, sql: str, *args: Any) -> str:
        """Run ``sql`` and return its command tag; without ``args`` it may hold many statements."""
        async with self.connection() as held:
            return await held.execute(sql, *args)

    async def listen(self, channel: str, callback: Callback) -> Subscription:
        """Call ``callback(payload)`` for every NOTIFY on ``channel``, over a connection of its own.

        After the connection broke and came back, ``callback("")`` is called once: notifications
        sent meanwhile are lost. Stop with ``await subscription.stop()``.
        """
        if self._listener is None:
            self._listener = Listener(
                self._dsn, application_name=f"{self._application_name} listen"
            )
        return await self._listener.subscribe(channel, callback)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Held]:
        """Lend one connection; it must come back outside a transaction."""
        held = await self._lender.lend()
        try:
            yield held
        except BaseException as error:
            self._lender.give_back(held, error)
            if gone(error):
                raise unreachable(error) from error
            raise
        self._lender.give_back(held)

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation | None = None, readonly: bool = False
    ) -> AsyncIterator[Held]:
        """Lend one connection inside a transaction, committed at the end, rolled back on error."""
        async with self.connection() as held:
            transaction = held.raw.transaction(isolation=isolation, readonly=readonly)
            await transaction.start()
            try:
                yield held
            except Exception:
                if not held.raw.is_closed():
                    await transaction.rollback()
                raise
            # Anything else is a cancellation: the connection is given up, which rolls back.
            await transaction.commit()

    async def close(self) -> None:
        """Close every connection that is not lent; those that are close when they come back."""
        await self._lender.close()
        if self._listener is not None:
            await self._listener.close()
            self._listener = None
