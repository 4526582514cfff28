"""Adding up an access log line by line, in memory that does not grow with the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from keyturn.doctor.access_log_line import Line
from keyturn.doctor.facts import Fetches, LogFacts

MOST_CLIENTS: Final = 100
MOST_TIMES: Final = 1024
"""Times kept of one client; then every second is dropped, and every second of those to come."""
OTHERS: Final = "(others)"
_JWKS: Final = "/.well-known/jwks.json"
_REFUSALS: Final = frozenset({400, 401, 403})
_FAMILIES: Final = (
    "/auth/v1",
    "/rest/v1",
    "/storage/v1/object/sign",
    "/storage/v1/s3",
    "/storage/v1/upload/resumable",
    "/storage/v1",
    "/functions/v1",
    "/realtime/v1",
)
"""The particular stands before the general."""
_APIKEY_ONLY: Final = ("/rest/v1", "/auth/v1", "/realtime/v1/api")


@dataclass
class _Client:
    count: int = 0
    failed: int = 0
    every: int = 1
    times: list[datetime] = field(default_factory=list)

    def add(self, line: Line) -> None:
        if self.count % self.every == 0:
            self.times.append(line.time)
        self.count += 1
        self.failed += line.status >= 400
        if len(self.times) >= MOST_TIMES:
            del self.times[1::2]
            self.every *= 2


class Tally:
    """Counts what :class:`~keyturn.doctor.facts.LogFacts` tells."""

    def __init__(self) -> None:
        self._lines = self._unreadable = 0
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._clients: dict[str, _Client] = {}
        self._credentials: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._apikey_only: Counter[str] = Counter()

    def unreadable(self) -> None:
        """Count a line that is in no known format."""
        self._lines += 1
        self._unreadable += 1

    def add(self, line: Line) -> None:
        """Count a request."""
        self._lines += 1
        self._first = min(self._first or line.time, line.time)
        self._last = max(self._last or line.time, line.time)
        self._credentials.update(line.credentials or ())
        if line.path.endswith(_JWKS):
            self._client(f"{line.client} {line.agent}").add(line)
        if line.status in _REFUSALS and (found := family(line.path)):
            self._refused[found] += 1
        if line.apikey_only and (found := _inside(line.path, _APIKEY_ONLY)):
            self._apikey_only[found] += 1

    def facts(self, cut_short: str | None = None) -> LogFacts:
        """Return what was counted; ``cut_short`` says why the log was not read to its end."""
        busiest = sorted(self._clients.items(), key=lambda item: -item[1].count)
        return LogFacts(
            first=self._first,
            last=self._last,
            lines=self._lines,
            unreadable=self._unreadable,
            jwks=tuple(
                Fetches(name, tuple(sorted(one.times)), one.count, one.every, one.failed)
                for name, one in busiest
            ),
            credentials=_sorted(self._credentials),
            refused=_sorted(self._refused),
            apikey_only=_sorted(self._apikey_only),
            cut_short=cut_short,
        )

    def _client(self, name: str) -> _Client:
        if name not in self._clients and len(self._clients) >= MOST_CLIENTS:
            name = OTHERS
        return self._clients.setdefault(name, _Client())


def family(path: str) -> str | None:
    """Return which part of the API ``path`` belongs to; ``/rest/v1/`` alone is one of its own."""
    return path if path == "/rest/v1/" else _inside(path, _FAMILIES)


def _inside(path: str, families: tuple[str, ...]) -> str | None:
    return next((one for one in families if path == one or path.startswith(f"{one}/")), None)


def _sorted(counts: Counter[str]) -> Mapping[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
