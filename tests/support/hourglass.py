"""Time for asynchronous code under test: sleepers wake when a test moves the clock, not before."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from tests.support.plane import START


class Hourglass:
    """A clock and the sleep that belongs to it."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Return when the clock was moved this far."""
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + timedelta(seconds=seconds), woken))
        await woken

    def forward(self, seconds: float) -> None:
        """Move the clock and wake whoever has slept long enough."""
        self.now += timedelta(seconds=seconds)
        for until, woken in self._sleepers:
            if until <= self.now and not woken.done():
                woken.set_result(None)
        self._sleepers = [one for one in self._sleepers if not one[1].done()]

    @property
    def sleepers(self) -> list[float]:
        """How many seconds from now each sleeper wants to wake, soonest first."""
        return sorted(
            (until - self.now).total_seconds()
            for until, woken in self._sleepers
            if not woken.done()
        )
