"""Statements that wait for the only connection of a pool."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from keyturn.adapters.postgres.pool import Pool


async def queued(pool: Pool, *asked: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
    """Ask while the only connection is lent; the answers come when this has returned."""
    async with pool.connection():
        tasks = [asyncio.create_task(one) for one in asked]
        await asyncio.sleep(0)
    return tasks
