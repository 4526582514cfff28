"""The places of a pool: few connections stay warm, waiters are served in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from keyturn.adapters.postgres.connection import Held


class Places:
    """A fixed number of places; each is free with a connection, free without one, or lent."""

    __slots__ = ("_free", "_waiters")

    def __init__(self, size: int) -> None:
        """All ``size`` places are free and without a connection."""
        # The last is lent next; places without a connection stay at the front.
        self._free: list[Held | None] = [None] * size
        self._waiters: deque[asyncio.Future[Held | None]] = deque()

    @property
    def free(self) -> int:
        """How many places are free."""
        return len(self._free)

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
        waiter: asyncio.Future[Held | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self.put(waiter.result())  # served and cancelled in the same moment
            else:
                with contextlib.suppress(ValueError):  # put() may have passed it over already
                    self._waiters.remove(waiter)
            raise

    def put(self, held: Held | None) -> None:
        """Free a place, with its connection or without; the longest waiter gets it."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(held)
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
