"""Our own queue of connections: prepared statements stay, nothing is reset, restarts are survived.

Values come back as asyncpg gives them; ``json`` and ``jsonb`` are text both ways, so that a hot
path can hand the bytes on and others decode with msgspec.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from keyturn.adapters.postgres.connection import (
    GONE,
    Held,
    Record,
    connect_until,
    gone,
    unreachable,
)
from keyturn.adapters.postgres.errors import DatabaseUnreachable
from keyturn.adapters.postgres.listener import Callback, Listener, Subscription
from keyturn.adapters.postgres.places import Places
from keyturn.adapters.postgres.queued import QueuedStatement
from keyturn.secret import Secret

Result = TypeVar("Result")
Isolation = Literal["read_uncommitted", "read_committed", "repeatable_read", "serializable"]
CLOSE_SECONDS = 2.0


class Pool:
    """A bounded set of connections, opened when needed; create it with :meth:`open`."""

    def __init__(
        self, dsn: Secret, *, size: int, prepare: Iterable[str], wait: float, application_name: str
    ) -> None:
        """See :meth:`open`; this does not connect."""
        self._dsn = dsn
        self._prepare = tuple(prepare)
        self._wait = wait
        self._application_name = application_name
        self._places = Places(size)
        self._size = size
        self._retiring: set[asyncio.Task[None]] = set()
        self._runners: set[asyncio.Task[None]] = set()
        self._listener: Listener | None = None
        self._closed = False

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
        return self._size

    @property
    def idle(self) -> int:
        """How many places are free now."""
        return self._places.free

    def prepare_always(self, statements: Iterable[str]) -> None:
        """Let connections that open from now on prepare ``statements`` too."""
        self._prepare = tuple(dict.fromkeys((*self._prepare, *statements)))

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """Return all rows of ``sql`` run with ``args`` ($1, $2, …)."""
        return await self._run(PreparedStatement.fetch, sql, args)

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """Return the first row or ``None``."""
        return await self._run(PreparedStatement.fetchrow, sql, args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or ``None``."""
        return await self._run(PreparedStatement.fetchval, sql, args)

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
        held = self._places.take_connected() or await self._take()
        try:
            yield held
        except BaseException as error:
            self._give_back(held, error)
            if gone(error):
                raise unreachable(error) from error
            raise
        self._give_back(held)

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
        self._closed = True
        if self._listener is not None:
            await self._listener.close()
            self._listener = None
        for held in self._places.drain():
            self._retire(held)
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def _run(
        self, method: Callable[..., Awaitable[Result]], sql: str, args: tuple[Any, ...]
    ) -> Result:
        held = self._places.take_connected()
        if held is None and not self._places.free:
            return await self._queued(method, sql, args)
        held, result = await self._ask(held or await self._take(), method, sql, args)
        wanted = self._places.wanted
        self._give_back(held)
        if wanted:
            # Whoever waits sends its statement before the caller goes on to compute: PostgreSQL
            # then works on it meanwhile.
            await asyncio.sleep(0)
        return result

    async def _ask(
        self,
        held: Held,
        method: Callable[..., Awaitable[Result]],
        sql: str,
        args: tuple[Any, ...],
    ) -> tuple[Held, Result]:
        """Run ``sql`` and return its result with the connection; an error gives that back."""
        statement = held.find(sql)
        if statement is None:
            held, statement = await self._prepared(held, sql)
        try:
            try:
                return held, await method(statement, *args)
            except asyncpg.InvalidCachedStatementError:
                # Refused before it ran: a schema change made its plan invalid.
                held.forget()
                return held, await method(await held.prepared(sql), *args)
        except BaseException as error:
            self._give_back(held, error)
            if gone(error):
                raise unreachable(error) from error
            raise

    async def _queued(
        self, method: Callable[..., Awaitable[Result]], sql: str, args: tuple[Any, ...]
    ) -> Result:
        """Wait until a connection is free and has run ``sql``."""
        self._check_open()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait
        answer: asyncio.Future[Result] = loop.create_future()
        queued = QueuedStatement(method, sql, args, deadline, self._begin, self._busy, answer)
        self._places.queue(queued, deadline)
        try:
            return await answer
        except asyncio.CancelledError:
            if queued.runner is None:
                self._places.forget(queued, deadline)
            else:
                queued.runner.cancel()
            raise

    def _begin(self, place: Held | None, queued: QueuedStatement) -> None:
        task = asyncio.get_running_loop().create_task(self._work_off(place, queued))
        self._runners.add(task)
        task.add_done_callback(self._runners.discard)

    async def _work_off(self, place: Held | None, queued: QueuedStatement) -> None:
        """Run ``queued`` on ``place``, then what else is queued, until somebody else is first."""
        following: QueuedStatement | None = queued
        while following is not None:
            if not following.done():
                place = await self._work_on(place, following)
                if place is None:
                    return
            going_on = place is not None and self._clean(place)
            following = self._places.next_of(QueuedStatement) if going_on else None
        if place is None:
            self._places.put(None)
        else:
            self._give_back(place)

    async def _work_on(self, place: Held | None, queued: QueuedStatement) -> Held | None:
        """Run one statement; None: it failed, and the place has been given back."""
        queued.runner = asyncio.current_task()
        try:
            held = await self._opened(place, queued.deadline)
            held, result = await self._ask(held, queued.method, queued.sql, queued.args)
        except BaseException as error:
            queued.fail(error)
            if isinstance(error, Exception):
                return None
            raise
        queued.finish(result)
        return held

    async def _prepared(
        self, held: Held | None, sql: str
    ) -> tuple[Held, PreparedStatement[Record]]:
        """Find a connection that can prepare ``sql``.

        A server that was killed leaves connections that look open for a moment. Nothing has run
        yet, so the next one is tried, at most as many as there may be.
        """
        failures = 0
        while True:
            held = held or await self._take()
            try:
                return held, await held.prepared(sql)
            except BaseException as error:
                self._give_back(held, error)
                failures += 1
                if not gone(error):
                    raise
                if failures > self._size:
                    raise unreachable(error) from error
                held = None

    async def _take(self) -> Held:
        self._check_open()
        deadline = asyncio.get_running_loop().time() + self._wait
        try:
            place = await self._places.take(deadline)
        except TimeoutError:
            raise self._busy() from None
        return await self._opened(place, deadline)

    async def _opened(self, place: Held | None, deadline: float) -> Held:
        """Return the open connection of ``place``; an error gives the place back."""
        if place is not None and place.open:
            return place
        try:
            self._check_open()
            return await connect_until(
                deadline,
                self._dsn,
                application_name=self._application_name,
                prepare=self._prepare,
            )
        except BaseException:
            self._places.put(None)
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise DatabaseUnreachable("The connection pool is closed.")

    def _busy(self) -> DatabaseUnreachable:
        return DatabaseUnreachable(
            f"All {self._size} database connections were busy for {self._wait:g} seconds.",
            hint="Raise the pool size, or look for slow statements in pg_stat_activity.",
        )

    def _clean(self, held: Held) -> bool:
        return held.usable and not self._closed

    def _give_back(self, held: Held, error: BaseException | None = None) -> None:
        """Free the place; keep the connection only when it is surely clean."""
        clean = self._clean(held) and (error is None or isinstance(error, Exception))
        if not clean:
            self._retire(held)
        self._places.put(held if clean else None)

    def _retire(self, held: Held) -> None:
        """Close in the background: a cancelled statement is first cancelled on the server."""
        if held.raw.is_closed():
            return
        task = asyncio.get_running_loop().create_task(_close(held))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


async def _close(held: Held) -> None:
    try:
        await held.raw.close(timeout=CLOSE_SECONDS)
    except (*GONE, TimeoutError, asyncpg.InterfaceError):
        held.raw.terminate()
