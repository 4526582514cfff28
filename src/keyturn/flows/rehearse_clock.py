"""A clock that runs fast: real time plus what was skipped, the same for everybody.

Waiting for an hour takes milliseconds and leaves nothing out: time jumps from one moment at which
somebody has something to do to the next, and stands still while a request is on its way. Whoever
takes part says so (:meth:`FastClock.taking_part`) and sleeps here.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Final

from keyturn.clock import Clock
from keyturn.errors import KeyturnError

LONGEST_STEP: Final = 30.0
"""Seconds; less than the margin with which clients refresh a token."""
_STUCK_SECONDS: Final = 60.0


class RehearsalStuck(KeyturnError):
    """Somebody in the rehearsal did not finish what was due."""

    code = "rehearsal_stuck"


class FastClock:
    """The :class:`~keyturn.flows.ports.rehearsal.Clockwork` of one rehearsal."""

    def __init__(self, real: Clock, start: datetime | None = None) -> None:
        """``start`` is what it shows first; None: the real time."""
        self._real = real
        self._offset = start - real() if start is not None else timedelta(0)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None], bool]] = []
        self._numbers = itertools.count()
        self._paces: set[asyncio.Future[None]] = set()
        self._awake = 0
        self._on_the_way = 0
        self._changed = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._turn = asyncio.Lock()
        self._busy = False

    def __call__(self) -> datetime:
        """Return the time of the rehearsal."""
        return self._real() + self._offset

    @property
    def busy(self) -> bool:
        """Whether something is being changed, so that everybody should be active."""
        return self._busy

    @contextmanager
    def busily(self) -> Iterator[None]:
        """While it lasts, everybody acts often instead of now and then."""
        self._busy = True
        self._rouse_all()
        try:
            yield
        finally:
            self._busy = False

    @contextmanager
    def calmly(self) -> Iterator[None]:
        """While it lasts, everybody acts now and then, also within :meth:`busily`."""
        before, self._busy = self._busy, False
        try:
            yield
        finally:
            self._busy = before
            if before:
                self._rouse_all()

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """Count the caller among those for whom the time waits until they sleep."""
        self._awake += 1
        try:
            yield
        finally:
            self._awake -= 1
            self._changed.set()

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Hold the time still while a request is on its way."""
        while not self._open.is_set():
            await self._open.wait()
        self._on_the_way += 1
        try:
            yield
        finally:
            self._on_the_way -= 1
            self._changed.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep as one who takes part."""
        await self._sleep(seconds, counts=True)

    async def pause(self, calm: float, busy: float) -> None:
        """Sleep for ``calm`` seconds, for ``busy`` ones while something is being changed."""
        await self._sleep(busy if self._busy else calm, counts=True, paced=True)

    async def doze(self, seconds: float) -> None:
        """Sleep without being waited for: a timer inside a service."""
        await self._sleep(seconds, counts=False)

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; raises :class:`RehearsalStuck` when somebody never sleeps."""
        async with self._turn:
            target = self() + timedelta(seconds=seconds)
            while True:
                await self._settled()
                left = (target - self()).total_seconds()
                await self._jump(max(0.0, min(left, LONGEST_STEP, self._until_next())))
                self._wake()
                if left <= 0:
                    return

    async def _sleep(self, seconds: float, *, counts: bool, paced: bool = False) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self() + timedelta(seconds=max(0.0, seconds))
        heapq.heappush(self._sleepers, (due, next(self._numbers), future, counts))
        if paced:
            self._paces.add(future)
        if counts:
            self._awake -= 1
            self._changed.set()
        try:
            await future
        finally:
            self._paces.discard(future)
            if counts and future.cancelled():
                self._awake += 1  # roused by nobody

    def _until_next(self) -> float:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return (self._sleepers[0][0] - self()).total_seconds() if self._sleepers else LONGEST_STEP

    def _wake(self) -> None:
        now = self()
        while self._sleepers and self._sleepers[0][0] <= now:
            _, _, future, counts = heapq.heappop(self._sleepers)
            self._rouse(future, counts=counts)

    def _rouse_all(self) -> None:
        for future in tuple(self._paces):
            self._rouse(future, counts=True)

    def _rouse(self, future: asyncio.Future[None], *, counts: bool) -> None:
        """Wake somebody, who counts as awake from this moment on, not only when it runs."""
        if not future.done():
            future.set_result(None)
            self._awake += counts

    async def _jump(self, seconds: float) -> None:
        self._open.clear()
        try:
            await self._until(lambda: self._on_the_way == 0)
            self._offset += timedelta(seconds=seconds)
        finally:
            self._open.set()

    async def _settled(self) -> None:
        await asyncio.sleep(0)
        await self._until(lambda: self._awake == 0)

    async def _until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(_STUCK_SECONDS):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise RehearsalStuck from None
