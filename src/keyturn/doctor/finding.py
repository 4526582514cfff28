"""One fault of a deployment: where, what is seen, why it matters, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from keyturn.deploy.edit import Edit, describe
from keyturn.deploy.inventory import Inventory
from keyturn.deploy.place import Place
from keyturn.doctor.facts import DatabaseFacts, Difference, LogFacts, ProbeFacts, Unknown


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "critical"
    """A stranger gets in, or a secret lies open."""
    ERROR = "error"
    """Requests are refused or a service is down, now or on a known date."""
    WARNING = "warning"
    """It works today and breaks at the next change."""
    NOTICE = "notice"
    """Worth knowing; nothing breaks."""


class Confidence(StrEnum):
    """How sure Keyturn is."""

    CERTAIN = "certain"
    """Read in the files, or observed."""
    LIKELY = "likely"
    """Follows from the versions and settings that were read."""
    POSSIBLE = "possible"
    """One of several causes; a running system would tell."""


class Needs(StrEnum):
    """What a rule looks at; a rule whose need is not met says so instead of passing in silence."""

    FILES = "files"
    PROBE = "probe"
    DATABASE = "database"
    LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of doctor's report. No text in it contains a secret."""

    id: str
    """``KT001`` … stable for ever."""
    title: str
    severity: Severity
    confidence: Confidence
    seen: str
    why: str
    fix: str
    places: tuple[Place, ...] = ()
    """The most important first; empty when it is not about a file."""
    service: str | None = None
    edits: tuple[Edit, ...] = field(default=(), repr=False)
    safe: bool = False
    """Whether ``edits`` may be applied without asking: nobody loses access by them."""

    @property
    def docs(self) -> str:
        """Return the page of this finding, from the root of the repository."""
        return f"docs/findings/{self.id}.md"

    def as_dict(self) -> dict[str, object]:
        """Return the finding for JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "severity": self.severity.value,
            "confidence": self.confidence.value,
            "place": self.places[0].as_dict() if self.places else None,
            "places": [place.as_dict() for place in self.places],
            "service": self.service,
            "seen": self.seen,
            "why": self.why,
            "fix": self.fix,
            "edits": [describe(edit) for edit in self.edits],
            "safe": self.safe,
            "docs": self.docs,
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a rule may look at; what was not looked at is :class:`Unknown` with the reason."""

    inventory: Inventory
    now: datetime
    database: DatabaseFacts | Unknown
    probes: ProbeFacts | Unknown
    logs: LogFacts | Unknown
    differences: tuple[Difference, ...] = ()
    """Where the running services contradict what the profiles predict from the files."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the catalogue: the constant part of a finding, and the function that looks."""

    id: str
    title: str
    severity: Severity
    confidence: Confidence
    needs: Needs
    why: str
    """Why it matters: goes into the finding and the docs page."""
    fix: str
    """What to do, in general; a finding may say it more exactly."""
    check: Callable[[Facts], Iterable[Seen]]
    symptoms: tuple[str, ...] = ()
    """What the user sees, verbatim: for ``doctor --error`` and the title of a docs page."""
    sources: tuple[str, ...] = ()
    """Where the behaviour is taken from: services and versions, issues (``supabase#46303``)."""
    mends: bool = False
    """Whether its findings can carry a safe edit; each finding says whether it does."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule's function found: the variable part of a finding."""

    seen: str
    places: tuple[Place, ...] = ()
    service: str | None = None
    fix: str | None = None
    edits: tuple[Edit, ...] = field(default=(), repr=False)
    safe: bool = False
    severity: Severity | None = None
    """Other than the rule's own."""
    confidence: Confidence | None = None


def run(rule: Rule, facts: Facts) -> tuple[Finding, ...]:
    """Return the findings of one rule."""
    return tuple(
        Finding(
            id=rule.id,
            title=rule.title,
            severity=seen.severity or rule.severity,
            confidence=seen.confidence or rule.confidence,
            seen=seen.seen,
            why=rule.why,
            fix=seen.fix or rule.fix,
            places=seen.places,
            service=seen.service,
            edits=seen.edits,
            safe=seen.safe and bool(seen.edits),
        )
        for seen in rule.check(facts)
    )
