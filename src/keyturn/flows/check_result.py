"""What a check of a deployment says: one line per check, and what they amount to."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from keyturn.errors import KeyturnError


class Verdict(enum.StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    verdict: Verdict
    detail: str
    """What was seen, in one sentence, without any secret."""
    seconds: float
    hint: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    """What ``--json`` adds: header, claims, key ids."""


class CheckFailed(KeyturnError):
    """The deployment does not do what it should."""

    code = "check_failed"


class NotAsked(KeyturnError):
    """A check needs something that was not given; it is no failure."""

    code = "not_asked"


@dataclass(frozen=True)
class Finding:
    """What a passed check saw."""

    detail: str
    facts: Mapping[str, object] = field(default_factory=dict)


def summary(checks: Sequence[Check]) -> str:
    """Return the closing sentence: how many held, how long it took, what was not run."""
    count = {verdict: sum(c.verdict is verdict for c in checks) for verdict in Verdict}
    ran = count[Verdict.PASSED] + count[Verdict.FAILED]
    seconds = sum(check.seconds for check in checks)
    left = f", {count[Verdict.NOT_RUN]} not run" if count[Verdict.NOT_RUN] else ""
    return f"{count[Verdict.PASSED]} of {ran} checks passed in {seconds:.2f} s{left}"


def passed(checks: Sequence[Check]) -> bool:
    """Return whether nothing failed."""
    return all(check.verdict is not Verdict.FAILED for check in checks)
