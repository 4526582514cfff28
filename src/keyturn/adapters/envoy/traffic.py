"""Reads the end of Envoy's access log, for pages that show the last hour."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from keyturn.clock import Clock
from keyturn.gateway.traffic import Traffic, tally

_LARGEST: Final = 8 << 20
_FRESH: Final = timedelta(seconds=10)


class RecentTraffic:
    """The last hour of ``path``; what was read is good for ten seconds."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._kept: Traffic | None = None
        self._at: datetime | None = None
        self._reading = asyncio.Lock()

    async def __call__(self) -> Traffic:
        """Return what was read last, or read again; a log that is missing counts as empty."""
        async with self._reading:
            now = self._clock()
            if self._kept is None or self._at is None or now - self._at >= _FRESH:
                self._kept = await asyncio.to_thread(self._read, now)
                self._at = now
            return self._kept

    def _read(self, now: datetime) -> Traffic:
        newest, complete = _tail(self._path, _LARGEST)
        older, also = b"", True
        if complete:
            before = self._path.with_name(self._path.name + ".1")
            older, also = _tail(before, _LARGEST - len(newest))
        # The first line of a tail is half a line: it cannot be read and is passed over.
        lines = older.split(b"\n") + newest.split(b"\n")
        return tally(lines, now, whole=complete and also)


def _tail(path: Path, most: int) -> tuple[bytes, bool]:
    """Return up to ``most`` bytes of the end, and whether that is all."""
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - most))
            return stream.read(most), size <= most
    except OSError:
        return b"", True
