"""One fetch in flight, and everybody who waits for it: threads and event loops alike."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from enum import Enum, auto

_GRACE = 0.25  # for reading the answer after its last byte


class Landing(Enum):
    """How a flight ended."""

    ARRIVED = auto()
    FAILED = auto()
    SUPERSEDED = auto()
    """The keys were pushed or invalidated meanwhile, so its answer was thrown away."""


class Flight:
    """A fetch that has started or is about to; waiting for it is bounded by its deadline."""

    def __init__(self, generation: int, deadline: float, steady: Callable[[], float]) -> None:
        """``deadline`` is a time of the clock ``steady``, in seconds."""
        self.generation = generation
        self._deadline, self._steady = deadline, steady
        self._landing: concurrent.futures.Future[Landing] = concurrent.futures.Future()
        # Once it is running, no waiter's cancellation can cancel it for the others.
        self._landing.set_running_or_notify_cancel()

    @property
    def superseded(self) -> bool:
        """Whether to ask again, because the answer belonged to a time before."""
        return self._landing.done() and self._landing.result() is Landing.SUPERSEDED

    @property
    def remaining(self) -> float:
        """How long a waiter waits at most from now, in seconds."""
        return max(0.0, self._deadline + _GRACE - self._steady())

    def land(self, landing: Landing) -> None:
        """Wake everybody."""
        self._landing.set_result(landing)

    def wait(self) -> None:
        """Block this thread until the flight has landed or its deadline has passed."""
        concurrent.futures.wait([self._landing], timeout=self.remaining)

    async def arrival(self) -> None:
        """Wait on this event loop until the flight has landed or its deadline has passed."""
        here = asyncio.wrap_future(self._landing)
        try:
            await asyncio.wait([here], timeout=self.remaining)
        finally:
            here.cancel()
