"""Which key signed at a given moment, told from the ring's own times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from keyturn.keyring.ring import KeyRing, RingKey


@dataclass(frozen=True)
class Reign:
    """The time in which ``key`` signed; ``until`` is None while it does."""

    key: RingKey
    since: datetime
    until: datetime | None


def reigns(ring: KeyRing) -> Iterator[Reign]:
    """Yield every key that ever signed, with the time in which it did."""
    for key in ring.keys:
        if key.promoted_at is not None:
            yield Reign(key, key.promoted_at, key.retired_at or key.revoked_at)


def signer_at(ring: KeyRing, moment: datetime) -> RingKey | None:
    """Return the key that signed at ``moment``; None before the ring's first key, or when deleted.

    A server learns of a rotation within moments, so next to one the answer is an estimate.
    """
    for reign in reigns(ring):
        if reign.since <= moment and (reign.until is None or moment < reign.until):
            return reign.key
    return None
