"""When a part that died is started again, and when not: a table, no clock, no processes.

Every death has a weight; the sum chooses the delay and, at :data:`GIVE_UP_AT`, ends the attempts.
A part that had been ready for :data:`HEALTHY_SECONDS` starts again from zero, so a part killed now
and then is restarted at once for ever, while one that keeps dying ends in a clear error.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

GIVE_UP_AT: Final = 12
HEALTHY_SECONDS: Final = 10.0
_CONFIGURATION_EXIT: Final = 2
# Seconds to wait before the next start, by the sum of weights so far; the last one repeats.
DELAYS: Final = (0.0, 0.0, 0.1, 0.2, 0.3, 0.5, 0.5, 1.0)


class Death(enum.Enum):
    """How a part ended, as far as the restart policy cares."""

    MISCONFIGURED = "it refused its configuration"
    NEVER_READY = "it has never been ready"
    BEFORE_READY = "it died before it was ready again"
    YOUNG = "it died soon after it was ready"
    OLD = "it had been healthy"


WEIGHTS: Final = {
    Death.MISCONFIGURED: GIVE_UP_AT,  # exit code 2: trying again cannot help
    Death.NEVER_READY: 4,
    Death.BEFORE_READY: 2,
    Death.YOUNG: 1,
    Death.OLD: 0,
}


@dataclass(frozen=True)
class Again:
    """Start it again after ``delay`` seconds."""

    delay: float
    weight: int
    """The sum of weights, to be handed in at the next death."""


@dataclass(frozen=True)
class GiveUp:
    """Do not start it again."""

    why: str


def classify(exit_code: int, *, was_ready_before: bool, ready_seconds: float | None) -> Death:
    """Say which row of :data:`WEIGHTS` a death belongs to.

    ``was_ready_before`` is about earlier lives of the part; ``ready_seconds`` is how long this
    life lasted after it became ready, None when it never did.
    """
    if ready_seconds is not None:
        return Death.OLD if ready_seconds >= HEALTHY_SECONDS else Death.YOUNG
    if was_ready_before:
        return Death.BEFORE_READY
    return Death.MISCONFIGURED if exit_code == _CONFIGURATION_EXIT else Death.NEVER_READY


def decide(death: Death, weight: int) -> Again | GiveUp:
    """Return what to do after ``death``, given the ``weight`` of the deaths before it."""
    total = 0 if death is Death.OLD else weight + WEIGHTS[death]
    if total >= GIVE_UP_AT:
        return GiveUp(death.value)
    return Again(delay=DELAYS[min(total, len(DELAYS) - 1)], weight=total)
