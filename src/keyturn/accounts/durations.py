"""Durations as Go writes them (``time.ParseDuration``): ``1h30m``, ``-1.5s``, ``300ms``."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_UNITS = {
    "ns": Decimal("0.000000001"),
    "us": Decimal("0.000001"),
    "µs": Decimal("0.000001"),
    "μs": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE = re.compile(rf"(?P<sign>[+-]?)(?:0|(?P<parts>(?:{_PART.pattern})+))", re.ASCII)
_LIMIT_SECONDS = Decimal(1 << 63) / Decimal(10**9)


def parse_duration(text: str) -> timedelta:
    """Return the duration, to the microsecond; raise ValueError where Go would.

    The message names the text, as Go's does.
    """
    match = _WHOLE.fullmatch(text) if len(text) <= 64 else None
    if match is None:
        raise ValueError(f"time: invalid duration {text[:64]!r}")
    parts = _PART.findall(match["parts"] or "")
    seconds = sum((Decimal(number) * _UNITS[unit] for number, unit in parts), Decimal(0))
    if seconds >= _LIMIT_SECONDS:
        raise ValueError(f"time: invalid duration {text[:64]!r}")
    length = timedelta(seconds=int(seconds), microseconds=int(seconds % 1 * 1_000_000))
    return -length if match["sign"] == "-" else length
