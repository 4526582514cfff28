"""Lends the connections of a pool: opened when needed, kept only when surely clean."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

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
from keyturn.adapters.postgres.places import Places
from keyturn.secret import Secret

CLOSE_SECONDS = 2.0


class Lender:
    """A bounded set of connections."""

    def __init__(
        self, dsn: Secret, *, size: int, prepare: Iterable[str], wait: float, application_name: str
    ) -> None:
        """As :meth:`keyturn.adapters.postgres.pool.Pool.open`; this does not connect."""
        self.places = Places(size)
        self.size = size
        self.wait = wait
        self._dsn = dsn
        self._prepare = tuple(prepare)
        self._application_name = application_name
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = False

    def prepare_always(self, statements: Iterable[str]) -> None:
        """Let connections that open from now on prepare ``statements`` too."""
        self._prepare = tuple(dict.fromkeys((*self._prepare, *statements)))

    async def lend(self) -> Held:
        """Return an open connection, which is then the caller's to give back."""
        return self.places.take_connected() or await self.take()

    async def close(self) -> None:
        """Close every connection that is not lent; those that are close when they come back."""
        self._closed = True
        for held in self.places.drain():
            self._retire(held)
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def prepared(self, held: Held, sql: str) -> tuple[Held, PreparedStatement[Record]]:
        """Prepare ``sql`` on ``held``, or on another connection when that is broken.

        A server that was killed leaves connections that look open for a moment. Nothing has run
        yet, so the next one is tried, at most as many as there may be.
        """
        failures = 0
        while True:
            try:
                return held, await held.prepared(sql)
            except BaseException as error:
                self.give_back(held, error)
                failures += 1
                if not gone(error):
                    raise
                if failures > self.size:
                    raise unreachable(error) from error
            held = await self.take()

    async def take(self) -> Held:
        """Wait for a connection; raises :class:`DatabaseUnreachable` when none comes in time."""
        self.check_open()
        deadline = asyncio.get_running_loop().time() + self.wait
        try:
            place = await self.places.take(deadline)
        except TimeoutError:
            raise self.busy() from None
        return await self.opened(place, deadline)

    async def opened(self, place: Held | None, deadline: float) -> Held:
        """Return the open connection of ``place``; an error gives the place back."""
        if place is not None and place.open:
            return place
        try:
            self.check_open()
            return await connect_until(
                deadline,
                self._dsn,
                application_name=self._application_name,
                prepare=self._prepare,
            )
        except BaseException:
            self.places.put(None)
            raise

    def check_open(self) -> None:
        """Raise :class:`DatabaseUnreachable` after :meth:`close`."""
        if self._closed:
            raise DatabaseUnreachable("The connection pool is closed.")

    def busy(self) -> DatabaseUnreachable:
        """Make the error for a wait in vain."""
        return DatabaseUnreachable(
            f"All {self.size} database connections were busy for {self.wait:g} seconds.",
            hint="Raise the pool size, or look for slow statements in pg_stat_activity.",
        )

    def clean(self, held: Held) -> bool:
        """Whether ``held`` may serve the next."""
        return held.usable and not self._closed

    def give_back(self, held: Held, error: BaseException | None = None) -> None:
        """Free the place; keep the connection only when it is surely clean."""
        clean = self.clean(held) and (error is None or isinstance(error, Exception))
        if not clean:
            self._retire(held)
        self.places.put(held if clean else None)

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
