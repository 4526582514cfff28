"""What a token says about itself, without a key: times, and what a careful reader would notice.

Nothing here is verified. A remark is a row with a function of the facts, so a new one is one line
in a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.verify import claims as rules
from keyturn.verify.anatomy import Anatomy, dissect
from keyturn.verify.diagnosis_key import NeededKey, needed
from keyturn.verify.finding import Finding
from keyturn.verify.inspection_remarks import Facts, remarks
from keyturn.verify.moments import moment, relation
from keyturn.verify.recognition import Recognised, recognise

_TIMES: Final = ("iat", "nbf", "exp")
_NO_KEYS: Final = KeySet()


@dataclass(frozen=True)
class Time:
    """A time claim: its name, Unix seconds, and how people read it."""

    name: str
    seconds: float
    text: str
    relation: str
    """``in 55 min`` or ``5 min ago``."""


@dataclass(frozen=True)
class Inspection:
    """All that can be told of a text that should be a token."""

    anatomy: Anatomy
    recognised: Recognised | None
    """What the text is instead, when it is no JWT."""
    needed: NeededKey | None
    times: tuple[Time, ...] = ()
    remaining: float | None = None
    """Seconds until ``exp``, negative after it; None without a usable ``exp``."""
    warnings: tuple[Finding, ...] = ()


def inspect(text: str, *, now: datetime) -> Inspection:
    """Take ``text`` apart at ``now`` (aware); never raises, never needs a key."""
    anatomy = dissect(text)
    if anatomy.header is None or anatomy.claims is None:
        form = tuple(map(Finding.of, anatomy.problems))
        return Inspection(anatomy, recognise(text), needed(anatomy, _NO_KEYS, {}), warnings=form)
    seconds = now.timestamp()
    times = tuple(_times(anatomy.claims, seconds))
    facts = Facts(
        header=anatomy.header,
        claims=anatomy.claims,
        times={time.name: time.seconds for time in times},
        signature=anatomy.signature,
        size=anatomy.size,
        now=seconds,
    )
    expires = facts.times.get("exp")
    return Inspection(
        anatomy,
        None,
        needed(anatomy, _NO_KEYS, {}),
        times,
        None if expires is None else expires - seconds,
        (*map(Finding.of, anatomy.problems), *remarks(facts)),
    )


def _times(claims: Mapping[str, object], now: float) -> Iterator[Time]:
    for name in _TIMES:
        try:
            seconds = rules.numeric_date(claims, name)
        except TokenRejected:
            continue  # the remarks say what is wrong with it
        if seconds is not None:
            yield Time(name, seconds, moment(seconds), relation(seconds, now))
