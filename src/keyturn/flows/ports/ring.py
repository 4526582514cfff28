"""How flows reach the key ring: a snapshot to read, a store to change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from keyturn.keyring.change import RingChange
from keyturn.keyring.ring import KeyRing
from keyturn.keyring.summary import AuditEntry


class RingSource(Protocol):
    """The ring as this process last saw it, kept fresh in the background."""

    def current(self) -> KeyRing:
        """Return the snapshot in memory; never does I/O."""
        ...

    def subscribe(self, callback: Callable[[KeyRing], None]) -> None:
        """Call ``callback`` with each new snapshot, in the event loop, after it was swapped in."""
        ...


class RingStore(Protocol):
    """Where the ring is kept. Changes are compare-and-swap on the ring's version."""

    async def load(self) -> KeyRing:
        """Read the ring as committed; raises ``Unreachable``."""
        ...

    async def apply(self, expected_version: int, change: RingChange) -> KeyRing:
        """Apply all of ``change`` and its audit lines to ``expected_version``, or nothing.

        Raises ``AlreadyChanged`` when the ring has moved on since.
        """
        ...

    async def announce_token_life(self, seconds: int) -> None:
        """Record the longest life that this server gives tokens: retirement waits for it."""
        ...

    async def audit(self, limit: int) -> Sequence[AuditEntry]:
        """Return the newest ``limit`` audit lines, newest first."""
        ...
