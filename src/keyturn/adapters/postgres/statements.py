"""Runs single statements on the connections of a pool, those first that have waited longest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
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
        if held is None:
            return await self._queued(method, sql, args, sociable=sociable)
        held, result = await self._ask(held, method, sql, args)
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
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        queued = QueuedStatement(
            method, sql, args, self._begin, self._lender.busy, answer, sociable=sociable
        )
        self._queue(queued)
        try:
            return await answer
        except asyncio.CancelledError:
            if queued.runner is None:
                self._lender.places.forget(queued, queued.deadline)
            else:
                queued.runner.cancel()
            raise

    def _queue(self, queued: QueuedStatement) -> None:
        queued.deadline = asyncio.get_running_loop().time() + self._lender.wait
        self._lender.places.queue(queued, queued.deadline)

    def _begin(self, place: Held | None, queued: QueuedStatement) -> None:
        task = asyncio.get_running_loop().create_task(self._work_off(place, queued))
        self._runners.add(task)
        task.add_done_callback(self._runners.discard)

    async def _work_off(self, place: Held | None, queued: QueuedStatement) -> None:
        """Run ``queued`` on ``place``, then what else is queued, until somebody else is first."""
        following: QueuedStatement | None = queued
        while following is not None:
            if not following.done():
                place = await self._work_on(place, [following, *self._like(following)])
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

    async def _work_on(self, place: Held | None, members: Sequence[QueuedStatement]) -> Held | None:
        """Run one statement, or several in one implicit transaction.

        None: that failed, and the place has been given back.
        """
        first, together = members[0], Together(members)
        for member in members:
            member.runner = together
        try:
            held = await self._lender.opened(place, first.deadline)
            if len(members) == 1:
                held, result = await self._ask(held, first.method, first.sql, first.args)
                results = [result]
            else:
                given = [member.args for member in members]
                held, results = await self._ask(
                    held, PreparedStatement.fetchmany, first.sql, (given,)
                )
        except BaseException as error:
            self._failed(members, error)
            if isinstance(error, Exception):
                return None
            raise
        if len(results) == len(members):
            for member, its in zip(members, results, strict=True):
                member.finish(its)
        else:
            for member in members:
                member.fail(TypeError("a statement that runs together gives exactly one row"))
        return held

    def _failed(self, members: Sequence[QueuedStatement], error: BaseException) -> None:
        undone = isinstance(error, Exception) and not isinstance(error, DatabaseUnreachable)
        for number, member in enumerate(members):
            if undone and len(members) > 1:
                member.part()
                self._queue(member)
            else:
                member.fail(copy(error) if number else error)  # a traceback of its own for each
