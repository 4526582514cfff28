"""Whether the legacy API keys can be turned off: a list to go through, each point by evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keyturn.console.words import ago
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.gateway.traffic import Traffic

QUIET: Final = timedelta(days=1)
"""So long nobody may have used a legacy key."""


@dataclass(frozen=True)
class Point:
    """One point; ``met`` is None when there is nothing to judge it by."""

    text: str
    met: bool | None


def readiness(
    records: Sequence[ApiKeyRecord], traffic: Traffic | None, now: datetime
) -> list[Point]:
    """Return the points, in the order in which one would see to them."""
    active = [record for record in records if record.active]
    points = [*_successors(active, now), *_quiet(active, now)]
    if traffic is not None:
        seen = sum(traffic.keys.get(str(key.id), 0) for key in active if key.kind == "legacy")
        text = f"{seen or 'No'} request{'' if seen == 1 else 's'} with a legacy key came through"
        points.append(Point(f"{text} the gateway in the last hour.", not seen))
    return points


def _successors(active: Sequence[ApiKeyRecord], now: datetime) -> Iterator[Point]:
    for kind, where in (("publishable", "browsers and apps"), ("secret", "servers")):
        used = [key.last_used_at for key in active if key.kind == kind and key.last_used_at]
        if used:
            since = ago(now - max(used))
            yield Point(f"A {kind} key serves {where}: last used {since} ago.", True)
        elif any(key.kind == kind for key in active):
            yield Point(f"A {kind} key exists, but nobody has used it yet.", False)
        else:
            yield Point(f"There is no {kind} key for {where}.", False)


def _quiet(active: Sequence[ApiKeyRecord], now: datetime) -> Iterator[Point]:
    for key in active:
        if key.kind != "legacy":
            continue
        if key.last_used_at is None:
            yield Point(f"{key.name} was not used since Keyturn counts.", True)
        else:
            length = now - key.last_used_at
            yield Point(f"{key.name} was last used {ago(length)} ago.", length >= QUIET)
