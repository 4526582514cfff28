"""Removing rows that count no longer (migration 0093)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

import asyncpg

from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.errors import KeyturnError

_CLEAN_UP: Final = load("keyturn.adapters.postgres", "clean_up")


class CleanupFailed(KeyturnError):
    """The database did not remove old rows."""

    code: ClassVar[str] = "cleanup"


async def clean_up(
    pool: Pool,
    now: datetime,
    most: int,
    timebox: timedelta | None,
    inactivity: timedelta | None,
) -> int:
    """Remove up to ``most`` rows of each kind that ended a day before ``now``; return how many.

    Sessions end by the two rules, None: by none. 0 when another process is at it. Raises
    :class:`CleanupFailed` and ``Unreachable``.
    """
    try:
        gone: int | None = await pool.fetchval(_CLEAN_UP, now, most, timebox, inactivity)
    except asyncpg.PostgresError as error:
        raise CleanupFailed(f"Old rows stay: {type(error).__name__}.") from error
    return gone or 0
