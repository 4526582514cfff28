"""The database behind the REST stand-in: one transaction per request, under the caller's role."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from keyturn.adapters.postgres import queries
from keyturn.adapters.postgres.connection import Held
from keyturn.adapters.postgres.errors import DatabaseUnreachable
from keyturn.adapters.postgres.listener import Subscription
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.rest_catalogue import read_catalogue
from keyturn.errors import KeyturnError
from keyturn.flows.ports.rest import (
    Catalogue,
    DatabaseAway,
    DatabaseRefused,
    Outcome,
    RequestContext,
    Statement,
)

CHANNEL: Final = "pgrst"
"""PostgREST's channel: ``NOTIFY pgrst, 'reload schema'``."""
REFRESH_PAUSE: Final = 1.0
"""Seconds between two readings of the catalogue that callers' unknown names may cause."""

_PACKAGE: Final = "keyturn.adapters.postgres"
_SETTINGS: Final = queries.load(_PACKAGE, "rest/settings")
_log = logging.getLogger("keyturn.rest")


class PostgresRestDatabase:
    """Implements :class:`keyturn.flows.ports.rest.RestDatabase` for role ``authenticator``."""

    def __init__(self, pool: Pool, schemas: Sequence[str], extra_search_path: str = "") -> None:
        """``pool`` is logged in as ``authenticator``; ``schemas`` are exposed, in that order."""
        self._pool = pool
        self._schemas = tuple(schemas)
        self._extra = extra_search_path
        self._catalogue = Catalogue()
        self._timeouts = {"": "0"}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._subscription: Subscription | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Read the catalogue and follow ``NOTIFY pgrst``; raises what the first read raises."""
        self._subscription = await self._pool.listen(CHANNEL, self._notified)
        await self.reload()

    async def stop(self) -> None:
        """Stop following."""
        if self._subscription is not None:
            await self._subscription.stop()
            self._subscription = None
        for task in tuple(self._tasks):
            task.cancel()

    def catalogue(self) -> Catalogue:
        """Return the last catalogue read."""
        return self._catalogue

    async def reload(self) -> Catalogue:
        """Read the catalogue now."""
        async with self._reading:
            return await self._read()

    async def refreshed(self) -> Catalogue:
        """Read the catalogue again unless that happened within :data:`REFRESH_PAUSE`."""
        async with self._reading:
            if asyncio.get_running_loop().time() - self._read_at < REFRESH_PAUSE:
                return self._catalogue
            return await self._read()

    async def run(
        self,
        context: RequestContext,
        statement: Statement,
        accept: Callable[[Outcome], None] | None = None,
    ) -> Outcome:
        """Run ``statement`` in one transaction as ``context.role``; see the port.

        A read whose connection broke is asked once more: it cannot have changed anything.
        """
        try:
            return await self._once(context, statement, accept)
        except DatabaseAway:
            if not context.read_only:
                raise
        return await self._once(context, statement, accept)

    async def planned_rows(self, context: RequestContext, statement: Statement) -> int:
        """Return how many rows the planner expects of a bare ``SELECT``."""
        explain = Statement(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.arguments)
        async with self._refusals(), self._pool.transaction(readonly=True) as held:
            await self._set_up(held, context)
            plan = await held.fetchval(explain.sql, *explain.arguments)
        return int(json.loads(plan)[0]["Plan"]["Plan Rows"])

    async def _once(
        self,
        context: RequestContext,
        statement: Statement,
        accept: Callable[[Outcome], None] | None,
    ) -> Outcome:
        async with self._refusals(), self._pool.connection() as held:
            return await self._work(held, context, statement, accept)

    async def _work(
        self,
        held: Held,
        context: RequestContext,
        statement: Statement,
        accept: Callable[[Outcome], None] | None,
    ) -> Outcome:
        """Four round trips: begin, settings, statement, commit; the two inner ones prepared.

        Written out, for a transaction object of asyncpg costs as much as a round trip.
        """
        await held.raw.execute("BEGIN READ ONLY" if context.read_only else "BEGIN")
        try:
            await self._set_up(held, context)
            row = await held.fetchrow(statement.sql, *statement.arguments)
            if row is None:
                raise TypeError("a statement of the stand-in answers with one row")
            outcome = Outcome(*row.values())
            if accept is not None:
                accept(outcome)
        except Exception:
            if not held.raw.is_closed():
                await held.raw.execute("ROLLBACK")
            raise
        # Anything else is a cancellation: the pool gives the connection up, which rolls back.
        await held.raw.execute("COMMIT")
        return outcome

    async def _set_up(self, held: Held, context: RequestContext) -> None:
        await held.fetchrow(
            _SETTINGS,
            self._search_path(context.schema),
            context.claims,
            context.method,
            context.path,
            context.headers,
            context.cookies,
            self._timeouts.get(context.role) or self._timeouts[""],
            context.role,
        )

    @asynccontextmanager
    async def _refusals(self) -> AsyncIterator[None]:
        try:
            yield
        except asyncpg.PostgresError as problem:
            raise _refused(problem) from problem
        except DatabaseUnreachable as problem:
            raise DatabaseAway(problem.message) from problem

    def _search_path(self, schema: str) -> str:
        name = '"' + schema.replace('"', '""') + '"'
        return f"{name}, {self._extra}" if self._extra else name

    async def _read(self) -> Catalogue:
        timeouts = await self._pool.fetch(queries.load(_PACKAGE, "rest/timeouts"))
        self._timeouts = {row["role"]: row["timeout"] for row in timeouts}
        self._catalogue = await read_catalogue(self._pool, self._schemas)
        self._read_at = asyncio.get_running_loop().time()
        return self._catalogue

    def _notified(self, payload: str) -> None:
        if payload in ("", "reload schema"):
            task = asyncio.get_running_loop().create_task(self._reload_quietly())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _reload_quietly(self) -> None:
        try:
            await self.reload()
        except (KeyturnError, asyncpg.PostgresError) as problem:
            _log.warning("schema cache not reloaded", extra={"error": type(problem).__name__})


def _refused(problem: asyncpg.PostgresError) -> DatabaseRefused:
    return DatabaseRefused(
        problem.sqlstate or "XX000",
        getattr(problem, "message", None) or str(problem),
        getattr(problem, "detail", None),
        getattr(problem, "hint", None),
    )
