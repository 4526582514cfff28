"""Time as a value: the domain takes ``now`` as an argument, always aware and in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, timezone-aware, in UTC."""


def unix(moment: datetime) -> int:
    """Whole Unix seconds of an aware ``moment`` (a NumericDate, RFC 7519 §2)."""
    return int(moment.timestamp())


def from_unix(seconds: int) -> datetime:
    """Return the aware UTC moment of ``seconds`` since the epoch."""
    return datetime.fromtimestamp(seconds, UTC)
