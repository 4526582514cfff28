"""Who fetched the JWKS in the last hour: a chart of minutes, and what each client does."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from statistics import median
from typing import Final

from keyturn.console.words import ago
from keyturn.gateway.traffic import WINDOW, Fetch, Traffic

MINUTES: Final = int(WINDOW / timedelta(minutes=1))
_MOST_CLIENTS: Final = 20
_HERE: Final = ("127.0.0.1", "::1")
_BUSY: Final = 30
"""From so many requests an hour on, a short gap means that nothing is cached."""
_SHORT: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class Client:
    """One address and its habit, in words; ``wasteful``: it asks with every request."""

    address: str
    count: int
    last: datetime
    habit: str
    wasteful: bool


@dataclass(frozen=True)
class Fetches:
    """The last hour; ``bars`` has one number per minute, the oldest first."""

    since: datetime
    total: int
    bars: Sequence[int]
    clients: Sequence[Client]
    others: int
    """Clients that are not listed."""

    @property
    def highest(self) -> int:
        """The largest bar, at least 1."""
        return max(1, *self.bars)


def fetches_of(traffic: Traffic, now: datetime) -> Fetches:
    """Sum up; clients with the most requests first."""
    bars = [0] * MINUTES
    # Seconds, because a busy hour has twenty thousand and a page that is live is made anew often.
    by_client: dict[str, list[float]] = {}
    until = now.timestamp()
    for fetch in traffic.fetches:
        at = fetch.at.timestamp()
        minute = int((until - at) // 60)
        if 0 <= minute < MINUTES:
            bars[MINUTES - 1 - minute] += 1
        by_client.setdefault(fetch.client, []).append(at)
    clients = sorted(
        (_client(address, times) for address, times in by_client.items()),
        key=lambda client: (-client.count, client.address),
    )
    return Fetches(
        traffic.since,
        len(traffic.fetches),
        bars,
        clients[:_MOST_CLIENTS],
        max(0, len(clients) - _MOST_CLIENTS),
    )


def without(traffic: Traffic, own: Sequence[tuple[datetime, datetime]]) -> Traffic:
    """Leave out the requests that the console itself made from this machine, by their times."""
    # The log has whole milliseconds, cut off.
    slack = timedelta(milliseconds=2)
    spans = sorted((begun - slack, ended) for begun, ended in own)
    begins = [begun for begun, _ in spans]
    # Requests overlap: what counts is the latest end among those that began before.
    ends = list(accumulate((ended for _, ended in spans), max))

    def is_own(fetch: Fetch) -> bool:
        place = bisect_right(begins, fetch.at)
        return fetch.client in _HERE and place > 0 and fetch.at <= ends[place - 1]

    return replace(traffic, fetches=[fetch for fetch in traffic.fetches if not is_own(fetch)])


def _client(address: str, times: Sequence[float]) -> Client:
    gaps = [later - earlier for earlier, later in pairwise(times)]
    gap = timedelta(seconds=median(gaps)) if gaps else None
    wasteful = len(times) >= _BUSY and gap is not None and gap < _SHORT
    if gap is None:
        habit = "once"
    elif wasteful:
        habit = "with every request: it caches nothing"
    elif len(times) < 3:
        habit = f"twice, {ago(gap)} apart"
    else:
        habit = f"about every {_every(gap)}"
    last = datetime.fromtimestamp(times[-1], UTC)
    return Client(address, len(times), last, habit, wasteful)


def _every(gap: timedelta) -> str:
    words = ago(gap)
    return words[2:] if words.startswith("1 ") else words
