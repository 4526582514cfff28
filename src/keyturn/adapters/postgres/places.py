"""The places of a pool: few connections stay warm, waiters are served in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from keyturn.adapters.postgres.connection import Held

_NEVER: Final = float("inf")


class Waiter(Protocol):
    """Somebody who waits for a place, and knows what to do with one."""

    def done(self) -> bool:
        """Whether it waits no more."""
        ...

    def serve(self, held: Held | None) -> None:
        """Take over a place, with its connection or without."""
        ...

    def refuse(self) -> None:
        """Hear that the deadline has passed."""
        ...


Kind = TypeVar("Kind", bound=Waiter)


class _Borrower:
    """Waits in a task of its own, which then has the place."""

    __slots__ = ("served",)

    def __init__(self, served: asyncio.Future[Held | None]) -> None:
        self.served = served

    def done(self) -> bool:
        return self.served.done()

    def serve(self, held: Held | None) -> None:
        self.served.set_result(held)

    def refuse(self) -> None:
        self.served.set_exception(TimeoutError())


class Places:
    """A fixed number of places; each is free with a connection, free without one, or lent."""

    __slots__ = ("_due", "_free", "_timer", "_waiters")

    def __init__(self, size: int) -> None:
        """All ``size`` places are free and without a connection."""
        # The last is lent next; places without a connection stay at the front.
        self._free: list[Held | None] = [None] * size
        self._waiters: deque[tuple[Waiter, float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due = _NEVER

    @property
    def free(self) -> int:
        """How many places are free."""
        return len(self._free)

    @property
    def wanted(self) -> int:
        """How many wait for a place, those included who have just given up."""
        return len(self._waiters)

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
        served: asyncio.Future[Held | None] = asyncio.get_running_loop().create_future()
        borrower = _Borrower(served)
        self.queue(borrower, deadline)
        try:
            return await served
        except BaseException:
            if served.done() and not served.cancelled():
                if served.exception() is None:
                    self.put(served.result())  # served and cancelled in the same moment
            else:
                self.forget(borrower, deadline)
            raise

    def queue(self, waiter: Waiter, deadline: float) -> None:
        """Serve ``waiter`` when it is its turn, or refuse it at ``deadline`` (loop time)."""
        if self._free:
            waiter.serve(self._free.pop())
            return
        self._waiters.append((waiter, deadline))
        self._wake_at(deadline, asyncio.get_running_loop())

    def forget(self, waiter: Waiter, deadline: float) -> None:
        """Leave the queue; :meth:`put` may have passed ``waiter`` over already."""
        with contextlib.suppress(ValueError):
            self._waiters.remove((waiter, deadline))

    def next_of(
        self, kind: type[Kind], accept: Callable[[Kind], bool] | None = None
    ) -> Kind | None:
        """Take the longest waiter out of the queue, for the caller to serve.

        None when nobody waits, or it is no ``kind``, or not one that the caller would ``accept``.
        """
        while self._waiters:
            first = self._waiters[0][0]
            if not first.done():
                if not isinstance(first, kind) or (accept is not None and not accept(first)):
                    return None
                self._waiters.popleft()
                return first
            self._waiters.popleft()
        return None

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
                waiter[0].refuse()
        if self._waiters:
            self._wake_at(min(deadline for _, deadline in self._waiters), loop)

    def put(self, held: Held | None) -> None:
        """Free a place, with its connection or without; the longest waiter gets it."""
        while self._waiters:
            waiter, _ = self._waiters.popleft()
            if not waiter.done():
                waiter.serve(held)
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
