"""Runs single statements on the connections of a pool, those first that have waited longest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from copy import copy
from typing import Any, TypeVar

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from keyturn.adapters.postgres.connection import Held, gone, unreachable
from keyturn.adapters.postgres.errors import DatabaseUnreachable
from keyturn.adapters.postgres.lender import Lender
from keyturn.adapters.postgres.queued import MOST_TOGETHER, QueuedStatement, Together

Result = TypeVar("Result")


class Statements:
    """One connection per statement, or several statements in one go while many wait."""

    def __init__(self, lender: Lender) -> None:
        """``lender`` has the connections."""
        self._lender = lender
        self._runners: set[asyncio.Task[None]] = set()

    async def run(
        self,
        method: Callable[..., Awaitable[Result]],
        sql: str,
        args: tuple[Any, ...],
        *,
        sociable: bool = False,
    ) -> Result:
        """Run ``sql`` by ``method`` of asyncpg's ``PreparedStatement`` and return its result.

        ``sociable``: it gives exactly one row and may share a transaction with its like.
        """
        held = self._lender.places.take_connected()
        if held is None and not self._lender.places.free:
            return await self._queued(method, sql, args, sociable=sociable)
        held, result = await self._ask(held or await self._lender.take(), method, sql, args)
        wanted = self._lender.places.wanted
        self._lender.give_back(held)
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
            held, statement = await self._lender.prepared(held, sql)
        try:
            try:
                return held, await method(statement, *args)
            except asyncpg.InvalidCachedStatementError:
                # Refused before it ran: a schema change made its plan invalid.
                held.forget()
                return held, await method(await held.prepared(sql), *args)
        except BaseException as error:
            self._lender.give_back(held, error)
            if gone(error):
                raise unreachable(error) from error
            raise

    async def _queued(
        self,
        method: Callable[..., Awaitable[Result]],
        sql: str,
        args: tuple[Any, ...],
        *,
        sociable: bool,
    ) -> Result:
        """Wait until a connection is free and has run ``sql``."""
        self._lender.check_open()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._lender.wait
        answer: asyncio.Future[Result] = loop.create_future()
        queued = QueuedStatement(
            method, sql, args, deadline, self._begin, self._lender.busy, answer, sociable
        )
        self._lender.places.queue(queued, deadline)
        try:
            return await answer
        except asyncio.CancelledError:
            if queued.runner is None:
                self._lender.places.forget(queued, deadline)
            else:
                queued.runner.cancel()
            raise

    def _begin(self, place: Held | None, queued: QueuedStatement) -> None:
        self._start(self._work_off(place, queued))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._runners.add(task)
        task.add_done_callback(self._runners.discard)

    async def _work_off(self, place: Held | None, queued: QueuedStatement) -> None:
        """Run ``queued`` on ``place``, then what else is queued, until somebody else is first."""
        following: QueuedStatement | None = queued
        while following is not None:
            if not following.done():
                like = self._like(following)
                if like:
                    place = await self._work_together(place, [following, *like])
                else:
                    place = await self._work_on(place, following)
                if place is None:
                    return
            going_on = place is not None and self._lender.clean(place)
            following = self._lender.places.next_of(QueuedStatement) if going_on else None
        if place is None:
            self._lender.places.put(None)
        else:
            self._lender.give_back(place)

    def _like(self, first: QueuedStatement) -> list[QueuedStatement]:
        """Take those out of the queue that run together with ``first``: one connection's share."""
        if not first.sociable:
            return []
        share = min(MOST_TOGETHER - 1, -(-self._lender.places.wanted // self._lender.size))
        found: list[QueuedStatement] = []
        while len(found) < share:
            one = self._lender.places.next_of(QueuedStatement, first.joins)
            if one is None:
                break
            found.append(one)
        return found

    async def _work_together(
        self, place: Held | None, members: Sequence[QueuedStatement]
    ) -> Held | None:
        """Run all in one implicit transaction; None as in :meth:`_work_on`."""
        task = asyncio.current_task()
        together = Together(members, task) if task is not None else None
        for member in members:
            member.runner = together
        sql, args = members[0].sql, ([member.args for member in members],)
        try:
            held = await self._lender.opened(place, members[0].deadline)
            held, rows = await self._ask(held, PreparedStatement.fetchmany, sql, args)
        except BaseException as error:
            self._fail_together(members, error)
            if isinstance(error, Exception):
                return None
            raise
        if len(rows) == len(members):
            for member, row in zip(members, rows, strict=True):
                member.finish(row)
        else:
            for member in members:
                member.fail(TypeError("a statement that runs together gives exactly one row"))
        return held

    def _fail_together(self, members: Sequence[QueuedStatement], error: BaseException) -> None:
        alone = isinstance(error, Exception) and not isinstance(error, DatabaseUnreachable)
        for member in members:
            if alone:
                self._start(self._work_alone(member))
            else:
                member.fail(copy(error))  # a traceback of its own for each

    async def _work_alone(self, queued: QueuedStatement) -> None:
        """Run one whose company failed: its own answer, or its own error."""
        if queued.done():
            return
        queued.runner = asyncio.current_task()
        try:
            queued.finish(await self.run(queued.method, queued.sql, queued.args))
        except BaseException as error:
            queued.fail(error)
            if not isinstance(error, Exception):
                raise

    async def _work_on(self, place: Held | None, queued: QueuedStatement) -> Held | None:
        """Run one statement; None: it failed, and the place has been given back."""
        queued.runner = asyncio.current_task()
        try:
            held = await self._lender.opened(place, queued.deadline)
            held, result = await self._ask(held, queued.method, queued.sql, queued.args)
        except BaseException as error:
            queued.fail(error)
            if isinstance(error, Exception):
                return None
            raise
        queued.finish(result)
        return held
