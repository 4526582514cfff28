"""Whether a process has ended."""

from __future__ import annotations

import asyncio

import psutil


async def gone(pid: int) -> bool:
    """Wait five seconds at most for its end; a zombie has ended."""
    for _ in range(500):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        await asyncio.sleep(0.01)
    return False
