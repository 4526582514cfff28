"""A clock that only goes forward, also while the machine sleeps where the system can tell."""

from __future__ import annotations

import time
from typing import Final

_SOURCE: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Return seconds since some moment in the past; nobody can set this clock back."""
    return time.clock_gettime(_SOURCE)
