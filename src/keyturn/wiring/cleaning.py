"""Removes rows that count no longer, while a worker runs (``GOTRUE_DB_CLEANUP_ENABLED``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from keyturn.adapters import system
from keyturn.adapters.postgres.cleaner import clean_up
from keyturn.adapters.postgres.pool import Pool
from keyturn.authserver.reporting import Log
from keyturn.errors import KeyturnError
from keyturn.wiring.beside import beside
from keyturn.wiring.settings import Settings

MOST: Final = 500
"""Rows of each kind at once: a statement that is over in no time, and holds nobody up."""
_REST_SECONDS: Final = 60.0
_BREATH_SECONDS: Final = 0.5


@asynccontextmanager
async def cleaning(settings: Settings, pool: Pool, log: Log) -> AsyncIterator[None]:
    """Clean up while the block runs, if that is wanted; one of all processes does at a time."""
    if not settings.process.cleanup:
        yield
        return
    async with beside(_clean(settings, pool, log), "keyturn-cleanup"):
        yield


async def _clean(settings: Settings, pool: Pool, log: Log) -> None:
    while True:
        gone = 0
        try:
            gone = await clean(settings, pool)
        except KeyturnError as problem:  # later, then
            log.event("warning", "no cleanup", {"code": problem.code})
        if gone:
            log.event("info", "cleaned up", {"rows": gone})
        await asyncio.sleep(_BREATH_SECONDS if gone >= MOST else _REST_SECONDS)


async def clean(settings: Settings, pool: Pool) -> int:
    """Remove up to :data:`MOST` rows of each kind; return how many went."""
    rules = settings.accounts
    return await clean_up(
        pool, system.now(), MOST, rules.sessions_timebox, rules.sessions_inactivity
    )
