"""What a verifier counts: names and numbers that only grow."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class Counters:
    """Counts by name, exact whatever the number of threads."""

    def __init__(self) -> None:
        """Everything starts at 0."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Count one more ``name``."""
        with self._lock:
            self._counts[name] += 1

    def counts(self) -> Mapping[str, int]:
        """Return all counts at this moment."""
        with self._lock:
            return dict(self._counts)

    def after_fork(self) -> None:
        """Replace the lock: another thread of the parent may have held it."""
        self._lock = threading.Lock()
