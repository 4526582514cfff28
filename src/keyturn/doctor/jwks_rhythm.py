"""How a client fetches the JWKS: now and then, as one that caches does, or once per request.

Verifiers keep the set for five to ten minutes: GoTrue allows 600 s, supabase-js, jose and PyJWT
keep it 5 to 10 minutes. Whoever asks several times a minute asks for every token, which makes each
request wait for Auth and takes every request down with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from keyturn.doctor.facts import Fetches

FEWEST: Final = 4
"""Fetches: with fewer than three gaps there is no middle one to speak of."""
BURST: Final = timedelta(seconds=5)
"""Several processes of one verifier start together; their fetches count as one."""
OFTEN: Final = timedelta(minutes=1)
RARE: Final = timedelta(minutes=4)
"""Five minutes, less what a timer or a clock may be off."""
_SPREAD: Final = 0.35
"""How far half of the gaps may be from the middle one, as a part of it, in a regular series."""


class Rhythm(StrEnum):
    """What the gaps between the fetches of one client say."""

    PERIODIC = "periodic"
    """It caches and renews at a steady interval."""
    CACHED = "cached"
    """It caches: four minutes and more between fetches, but not at a steady interval."""
    PER_REQUEST = "per request"
    """It does not cache: less than a minute between most fetches."""
    IRREGULAR = "irregular"
    """In between: a cache of less than four minutes, or several processes with one each."""
    TOO_FEW = "too few"
    """Too few fetches to tell."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The rhythm of one client; ``gap`` is the middle gap between its fetches."""

    rhythm: Rhythm
    gap: timedelta | None
    count: int

    @property
    def in_words(self) -> str:
        """Return ``periodic, every 10 min`` or the like."""
        if self.gap is None or self.rhythm is Rhythm.TOO_FEW:
            return f"{self.count} {'fetch' if self.count == 1 else 'fetches'}, too few to tell"
        gap = span(self.gap)
        match self.rhythm:
            case Rhythm.PERIODIC:
                return f"periodic, every {gap}"
            case Rhythm.CACHED:
                return f"cached, {gap} apart"
            case Rhythm.PER_REQUEST:
                return f"per request: {self.count} fetches, {gap} apart"
            case _:
                return f"irregular, {gap} apart"


def pace(fetches: Fetches) -> Pace:
    """Return how one client fetches."""
    count = max(fetches.count, len(fetches.times))
    all_gaps = _gaps(fetches)
    if count < FEWEST or len(all_gaps) < FEWEST - 1:
        return Pace(Rhythm.TOO_FEW, None, count)
    gaps = all_gaps if fetches.every > 1 else _between_bursts(fetches)
    middle = median(gaps) if gaps else 0.0
    if middle < OFTEN.total_seconds():
        # Several in one second of a log with whole seconds: then the mean says more.
        typical = median(all_gaps) or fmean(all_gaps)
        return Pace(Rhythm.PER_REQUEST, timedelta(seconds=typical), count)
    if len(gaps) < FEWEST - 1:
        return Pace(Rhythm.TOO_FEW, None, count)
    gap = timedelta(seconds=middle)
    if gap < RARE:
        return Pace(Rhythm.IRREGULAR, gap, count)
    spread = median(abs(one - middle) for one in gaps) / middle
    return Pace(Rhythm.PERIODIC if spread <= _SPREAD else Rhythm.CACHED, gap, count)


def span(length: timedelta) -> str:
    """Return a time in the unit that people would use: ``0.4 s``, ``12 s``, ``10 min``, ``2 h``."""
    seconds = length.total_seconds()
    if 0 < seconds < 0.1:
        return "less than 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.0f} h"


def _gaps(fetches: Fetches) -> list[float]:
    """Return the seconds between fetches.

    Of a client whose times were thinned out, a gap holds ``every`` fetches.
    """
    return [
        (later - earlier).total_seconds() / fetches.every
        for earlier, later in pairwise(fetches.times)
    ]


def _between_bursts(fetches: Fetches) -> list[float]:
    """Return the seconds between fetches, those within :data:`BURST` counting as one."""
    starts = list(fetches.times[:1])
    for moment in fetches.times[1:]:
        if moment - starts[-1] > BURST:
            starts.append(moment)
    return [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
