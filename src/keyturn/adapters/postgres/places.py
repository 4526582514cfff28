"""The places of a pool: few connections stay warm, waiters are served in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from keyturn.adapters.postgres.connection import Held

_NEVER: Final = float("inf")


class Places:
    """A fixed number of places; each is free with a connection, free without one, or lent."""

    __slots__ = ("_due", "_free", "_timer", "_waiters")

    def __init__(self, size: int) -> None:
        """All ``size`` places are free and without a connection."""
        # The last is lent next; places without a connection stay at the front.
        self._free: list[Held | None] = [None] * size
        self._waiters: deque[tuple[asyncio.Future[Held | None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due = _NEVER

    @property
    def free(self) -> int:
        """How many places are free."""
        return len(self._free)

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a place."""
        return bool(self._waiters)

    def take_connected(self) -> Held | None:
        """Return a free open connection without waiting, or ``None`` (the usual, fast way)."""
        free = self._free
        if free:
            held = free[-1]
            if held is not None and held.open:
                free.pop()
                return held
        return None

    async def take(self, deadline: float) -> Held | None:
        """Wait for a place until ``deadline`` (loop time), then raise ``TimeoutError``.

        Returns its connection, or ``None`` when the caller has to open one.
        """
        if self._free:
            return self._free.pop()
        loop = asyncio.get_running_loop()
        served: asyncio.Future[Held | None] = loop.create_future()
        waiter = (served, deadline)
        self._waiters.append(waiter)
        self._wake_at(deadline, loop)
        try:
            return await served
        except BaseException:
            if served.done() and not served.cancelled():
                if served.exception() is None:
                    self.put(served.result())  # served and cancelled in the same moment
            else:
                with contextlib.suppress(ValueError):  # put() may have passed it over already
                    self._waiters.remove(waiter)
            raise

    def _wake_at(self, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        # One timer for all: a busy server has a waiter for most of its requests.
        if deadline < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = deadline
            self._timer = loop.call_at(deadline, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse those who have waited too long, and come back for the next."""
        self._timer, self._due = None, _NEVER
        now = loop.time()
        for waiter in [one for one in self._waiters if one[1] <= now]:
            self._waiters.remove(waiter)
            if not waiter[0].done():
                waiter[0].set_exception(TimeoutError())
        if self._waiters:
            self._wake_at(min(deadline for _, deadline in self._waiters), loop)

    def put(self, held: Held | None) -> None:
        """Free a place, with its connection or without; the longest waiter gets it."""
        while self._waiters:
            served, _ = self._waiters.popleft()
            if not served.done():
                served.set_result(held)
                return
        if held is None:
            self._free.insert(0, None)
        else:
            self._free.append(held)

    def drain(self) -> list[Held]:
        """Take the connections of all free places, leaving the places without."""
        connections = [held for held in self._free if held is not None]
        self._free = [None] * len(self._free)
        return connections
