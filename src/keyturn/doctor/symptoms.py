"""The error lookup: from a pasted message to its causes and what to do.

Messages arrive quoted, escaped as JSON, in another case, with ids, colours and time stamps around
them. Both sides are brought into one form; what then contains a known text is that symptom.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from keyturn.doctor import (
    symptoms_auth,
    symptoms_clients,
    symptoms_functions,
    symptoms_gateway,
    symptoms_realtime,
    symptoms_rest,
    symptoms_storage,
)
from keyturn.doctor.symptom import Symptom

SYMPTOMS: Final[tuple[Symptom, ...]] = (
    *symptoms_auth.SYMPTOMS,
    *symptoms_rest.SYMPTOMS,
    *symptoms_realtime.SYMPTOMS,
    *symptoms_storage.SYMPTOMS,
    *symptoms_functions.SYMPTOMS,
    *symptoms_gateway.SYMPTOMS,
    *symptoms_clients.SYMPTOMS,
)
LONGEST_MESSAGE: Final = 8192
_NEAR: Final = 3
_LEAST_LIKENESS: Final = 0.3
_SHORTEST_PART: Final = 8

_NOISE: Final = re.compile(
    r"\x1b\[[0-9;]*m"  # colours
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # UUIDs: kids, users
    r"|\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d[.\d]*z?"  # time stamps
    r"|\beyj[\w.-]+|\bsb_(?:publishable|secret)_[\w-]+",  # tokens and keys
)
_BETWEEN: Final = re.compile(r"[^a-z0-9_\[\]{}]+")


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a message was recognised as; ``near`` is filled only when ``found`` is empty."""

    found: tuple[Symptom, ...]
    near: tuple[Symptom, ...] = ()
    """What resembles it, or every message that comes with the pasted code."""
    is_code: bool = False
    """It is a status or code and no message."""


def look_up(message: str) -> Lookup:
    """Return what ``message`` contains, the most exact first; else what resembles it most."""
    given = normal(message[:LONGEST_MESSAGE])
    if not given:
        return Lookup(())
    hits = sorted(_hits(given), key=lambda hit: -hit[0])
    whole = tuple(symptom for agreed, symptom in hits if agreed == LONGEST_MESSAGE)
    exact = tuple(symptom for _, symptom in hits if not symptom.generic)
    found = whole or exact or tuple(symptom for _, symptom in hits)
    if found:
        return Lookup(found)
    coded = _with_code(given)
    return Lookup((), coded or _nearest(given), is_code=bool(coded))


def normal(text: str) -> str:
    """Return words in lower case with single blanks, without ids, quotes and punctuation."""
    plain = _NOISE.sub(" ", text.lower().replace("\\n", " ").replace("\\", ""))
    return _BETWEEN.sub(" ", plain).strip()


@cache
def _forms(symptom: Symptom) -> tuple[str, ...]:
    return tuple(normal(text) for text in (symptom.text, *symptom.also))


def _hits(given: str) -> Iterator[tuple[int, Symptom]]:
    """Yield each symptom that ``given`` contains or is part of, with the length that agrees."""
    for symptom in SYMPTOMS:
        agreed = max(_agreed(given, form) for form in _forms(symptom))
        if agreed:
            yield agreed, symptom


def _agreed(given: str, known: str) -> int:
    if given == known:
        return LONGEST_MESSAGE
    if f" {known} " in f" {given} ":
        return len(known)
    part = len(given) >= _SHORTEST_PART and " " in given and f" {given} " in f" {known} "
    return len(given) if part else 0


def _with_code(given: str) -> tuple[Symptom, ...]:
    """Return every message that comes with a status or code, when that is all that was pasted."""
    words = set(given.split())
    return tuple(one for one in SYMPTOMS if words <= set(normal(one.by).split()))


def _nearest(given: str) -> tuple[Symptom, ...]:
    words = set(given.split())
    ranked = sorted(
        ((_likeness(words, symptom), number) for number, symptom in enumerate(SYMPTOMS)),
        key=lambda pair: (-pair[0], pair[1]),
    )
    return tuple(
        SYMPTOMS[number] for likeness, number in ranked[:_NEAR] if likeness >= _LEAST_LIKENESS
    )


def _likeness(words: set[str], symptom: Symptom) -> float:
    """Return the share of words in common, best over the symptom's forms."""
    forms = (set(form.split()) for form in _forms(symptom))
    return max(len(words & form) / (len(words | form) or 1) for form in forms)
