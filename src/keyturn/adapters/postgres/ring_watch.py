"""The ring in memory, kept fresh by LISTEN/NOTIFY and, should a notification be lost, by a poll.

Only what was committed is ever swapped in, and never an older version over a newer one. When the
database is away the last snapshot keeps serving and ``behind`` says for how long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.errors import KeyturnError
from keyturn.keyring.errors import RingNotInitialised
from keyturn.keyring.ring import KeyRing

CHANNEL: Final = "keyturn_ring"
POLL_SECONDS: Final = 5.0

_logger = logging.getLogger("keyturn.ring")


class RingWatcher:
    """Implements :class:`keyturn.flows.ports.ring.RingSource`.

    ``poll_seconds`` is the longest that a lost notification delays a change; None turns the poll
    off, for tests.
    """

    def __init__(
        self, pool: Pool, store: PostgresRingStore, *, poll_seconds: float | None = POLL_SECONDS
    ) -> None:
        self._pool = pool
        self._store = store
        self._poll = poll_seconds
        self._ring: KeyRing | None = None
        self._callbacks: list[Callable[[KeyRing], None]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._confirmed = 0.0
        self.failures = 0
        """How often in a row the ring could not be read; 0 when all is well."""

    async def start(self) -> None:
        """Load the ring, then follow it; raises what the first load raises."""
        await self._pool.listen(CHANNEL, self._notified)
        await self.refresh()
        self._task = asyncio.create_task(self._follow(), name="keyturn-ring-watch")

    async def stop(self) -> None:
        """Stop following; the snapshot stays readable."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    def current(self) -> KeyRing:
        """Return the snapshot in memory; raises ``RingNotInitialised`` before :meth:`start`."""
        if self._ring is None:
            raise RingNotInitialised
        return self._ring

    def subscribe(self, callback: Callable[[KeyRing], None]) -> None:
        """Call ``callback`` with every later snapshot, after it was swapped in."""
        self._callbacks.append(callback)

    @property
    def behind(self) -> float:
        """Seconds since the database last confirmed the snapshot."""
        return asyncio.get_running_loop().time() - self._confirmed

    async def refresh(self) -> KeyRing:
        """Read the ring now and swap it in when it is newer."""
        ring = await self._store.load()
        self._swap(ring)
        return ring

    def _swap(self, ring: KeyRing) -> None:
        self._confirmed = asyncio.get_running_loop().time()
        self.failures = 0
        known = self._ring
        if known is not None and (ring.version, ring.token_life) == (
            known.version,
            known.token_life,
        ):
            return
        if known is not None and ring.version < known.version:
            return
        self._ring = ring
        for callback in self._callbacks:
            self._call(callback, ring)

    def _call(self, callback: Callable[[KeyRing], None], ring: KeyRing) -> None:
        """A subscriber's fault must not stop the watch, nor keep the others from the news."""
        try:
            callback(ring)
        except Exception:
            _logger.exception("a subscriber of the ring failed")

    def _notified(self, *_facts: object) -> None:
        self._wake.set()

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._poll)
            notified = self._wake.is_set()
            self._wake.clear()
            try:
                await self._catch_up(notified=notified)
            except KeyturnError as error:
                self.failures += 1
                _logger.warning("the ring could not be read: %s", error.message)
            except Exception:
                # Whatever it is, the next notification or poll tries again.
                self.failures += 1
                _logger.exception("the ring could not be read")

    async def _catch_up(self, *, notified: bool) -> None:
        """Load when told to, or when the version that a poll finds is another one."""
        if notified or not await self._unchanged():
            await self.refresh()
            return
        self._confirmed = asyncio.get_running_loop().time()
        self.failures = 0

    async def _unchanged(self) -> bool:
        known = self._ring
        return known is not None and await self._store.version() == (
            known.version,
            known.token_life,
        )
