"""The restart policy, as the table that it is."""

from __future__ import annotations

import pytest

from keyturn.stack.restarts import (
    GIVE_UP_AT,
    HEALTHY_SECONDS,
    Again,
    Death,
    GiveUp,
    classify,
    decide,
)

CLASSIFIED = {
    "a bad configuration at the first start": ((2, False, None), Death.MISCONFIGURED),
    "a crash at the first start": ((1, False, None), Death.NEVER_READY),
    "killed at the first start": ((-9, False, None), Death.NEVER_READY),
    "exit 2 after it had worked is a crash like any other": ((2, True, None), Death.BEFORE_READY),
    "died while coming back": ((1, True, None), Death.BEFORE_READY),
    "killed just after it was ready": ((-9, False, 0.5), Death.YOUNG),
    "killed after long service": ((-9, True, HEALTHY_SECONDS), Death.OLD),
}


@pytest.mark.parametrize(("given", "expected"), CLASSIFIED.values(), ids=list(CLASSIFIED))
def test_a_death_is_classified(given: tuple[int, bool, float | None], expected: Death) -> None:
    """Exit code, earlier readiness and age choose the row."""
    code, before, seconds = given

    assert expected is classify(code, was_ready_before=before, ready_seconds=seconds)


def deaths_until_give_up(death: Death) -> tuple[int, float]:
    """Return how many deaths of one kind are survived, and the seconds waited in between."""
    weight, waited, survived = 0, 0.0, 0
    while isinstance(verdict := decide(death, weight), Again):
        weight, waited, survived = verdict.weight, waited + verdict.delay, survived + 1
        if survived > 1000:
            break
    return survived, waited


SURVIVED = {
    Death.MISCONFIGURED: 0,
    Death.NEVER_READY: 2,
    Death.BEFORE_READY: 5,
    Death.YOUNG: 11,
}


@pytest.mark.parametrize(("death", "times"), SURVIVED.items())
def test_a_part_that_keeps_dying_is_given_up(death: Death, times: int) -> None:
    """Each kind of death is forgiven a fixed number of times, and the waits stay short."""
    survived, waited = deaths_until_give_up(death)

    assert times == survived
    assert waited < 10


def test_a_healthy_part_is_restarted_at_once_for_ever() -> None:
    """A part killed now and then has no record held against it."""
    assert Again(delay=0.0, weight=0) == decide(Death.OLD, GIVE_UP_AT - 1)
    assert deaths_until_give_up(Death.OLD) == (1001, 0.0)


def test_the_first_restart_is_immediate() -> None:
    """Nobody waits because a part was killed once."""
    verdict = decide(Death.YOUNG, 0)

    assert isinstance(verdict, Again)
    assert verdict.delay == 0.0


def test_giving_up_says_why() -> None:
    """The reason is a phrase that fits into the final error."""
    assert GiveUp("it refused its configuration") == decide(Death.MISCONFIGURED, 0)
