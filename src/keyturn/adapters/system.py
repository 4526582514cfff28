"""The real clock and the real source of randomness; everything else takes them as arguments."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, aware, in UTC (a :data:`keyturn.clock.Clock`)."""
    return datetime.now(UTC)


def entropy(count: int) -> bytes:
    """Return ``count`` bytes from the operating system's generator, fit for keys and tokens."""
    return secrets.token_bytes(count)
