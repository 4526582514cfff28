"""Medians of interleaved rounds: every candidate runs in every round, so noise hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Call = Callable[[], object]
SLICE = 0.004  # seconds that one candidate runs in one round


class Elsewhere(Protocol):
    """Candidates of another process: they take their turn when they are asked."""

    def round(self, group: str) -> dict[str, float]:
        """Return microseconds per call of each candidate of ``group``."""


@dataclass
class Times:
    """Microseconds per call, one number per round and candidate."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, microseconds: float) -> None:
        """Keep one round's number."""
        self.rounds.setdefault(name, []).append(microseconds)

    def median(self, name: str) -> float:
        """Median microseconds of ``name``."""
        return statistics.median(self.rounds[name])

    def over(self, name: str, base: str) -> float:
        """Median of what ``name`` took more than ``base`` in the same round, in microseconds."""
        pairs = zip(self.rounds[name], self.rounds[base], strict=True)
        return statistics.median(mine - other for mine, other in pairs)

    def ratio(self, name: str, base: str) -> float:
        """Median of how many times as long as ``base`` it took in the same round."""
        pairs = zip(self.rounds[name], self.rounds[base], strict=True)
        return statistics.median(mine / other for mine, other in pairs)


def microseconds(call: Call, count: int) -> float:
    """Time ``count`` calls in a row; returns microseconds per call."""
    started = time.perf_counter()
    for _ in range(count):
        call()
    return 1e6 * (time.perf_counter() - started) / count


def interleaved(
    calls: Mapping[str, Call], rounds: int, *, elsewhere: Elsewhere | None = None, group: str = ""
) -> Times:
    """Run all ``calls`` in turns; each round begins with another one."""
    counts = {name: _count(call) for name, call in calls.items()}
    names, times = list(calls), Times()
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            times.add(name, microseconds(calls[name], counts[name]))
        if elsewhere is not None:
            for name, each in elsewhere.round(group).items():
                times.add(name, each)
    return times


def _count(call: Call) -> int:
    microseconds(call, 20)
    return max(3, round(SLICE * 1e6 / microseconds(call, 20)))
