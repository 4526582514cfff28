"""How many live streams are open: few in all, fewer per session, none once Keyturn stops."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MOST: Final = 24
MOST_PER_SESSION: Final = 8


class Streams:
    """Counts; one per process. ``every``: seconds between two looks; only a change is sent."""

    def __init__(self, every: float = 2.0) -> None:
        self.every = every
        self.closing = asyncio.Event()
        """Set when the server stops: every stream ends by itself."""
        self._open: Counter[str] = Counter()

    def full(self, session: str) -> bool:
        """Whether ``session`` may open no further stream now."""
        crowded = self._open.total() >= MOST or self._open[session] >= MOST_PER_SESSION
        return crowded or self.closing.is_set()

    @contextmanager
    def place(self, session: str) -> Iterator[None]:
        """Hold a place while the block runs."""
        self._open[session] += 1
        try:
            yield
        finally:
            self._open[session] -= 1
            self._open += Counter()
            # Adding nothing drops the sessions that hold no place.

    def close(self) -> None:
        """End every stream."""
        self.closing.set()
