"""A bound on failed attempts: so many at once, then one more per interval."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Final

from keyturn.clock import Clock
from keyturn.console.errors import TooManyAttempts

_CLIENTS: Final = 1024


class FailureLimiter:
    """Counts failures per client; each is forgotten after ``forget``."""

    def __init__(
        self, clock: Clock, *, most: int = 10, forget: timedelta = timedelta(minutes=1)
    ) -> None:
        self._clock = clock
        self._most = most
        self._forget = forget
        self._failures: dict[str, list[datetime]] = {}

    def check(self, client: str) -> None:
        """Raise :class:`TooManyAttempts` while ``client`` has failed too often."""
        recent = self._recent(client)
        if len(recent) >= self._most:
            left = recent[-self._most] + self._forget - self._clock()
            raise TooManyAttempts(max(1, ceil(left.total_seconds())))

    def failed(self, client: str) -> None:
        """Count a failure of ``client``."""
        recent = self._recent(client)[-self._most :]
        if len(self._failures) >= _CLIENTS:
            self._failures.pop(next(iter(self._failures)))
        self._failures[client] = [*recent, self._clock()]

    def _recent(self, client: str) -> list[datetime]:
        since = self._clock() - self._forget
        return [moment for moment in self._failures.get(client, ()) if moment > since]
