"""Everything that doctor has to say about one deployment, before anybody lays it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.deploy.inventory import VERIFIERS, Inventory
from keyturn.doctor.catalogue import not_looked_at
from keyturn.doctor.facts import DatabaseFacts, Fetches, LogFacts, ProbeFacts, Unknown
from keyturn.doctor.finding import Facts, Finding, Needs, Severity
from keyturn.doctor.jwks_rhythm import pace
from keyturn.doctor.lines import Change, change_of
from keyturn.doctor.matrix import Matrix
from keyturn.doctor.readiness import Readiness

_SOURCES: Final[Mapping[Needs, str]] = {
    Needs.PROBE: "the running services",
    Needs.DATABASE: "the database",
    Needs.LOGS: "the access logs",
}


@dataclass(frozen=True, slots=True)
class NotLooked:
    """A part of the truth that this run did not see."""

    what: str
    reason: str
    rules: tuple[str, ...] = ()
    """The findings that would need it."""

    def as_dict(self) -> dict[str, object]:
        """Return the gap for JSON."""
        return {"what": self.what, "reason": self.reason, "rules": list(self.rules)}


@dataclass(frozen=True, slots=True)
class Report:
    """One run of doctor."""

    facts: Facts
    findings: tuple[Finding, ...]
    """The most serious first."""
    matrix: Matrix | None
    """None: it was not asked for."""
    readiness: Readiness
    not_looked_at: tuple[NotLooked, ...] = ()
    direct: Matrix | None = None
    """Past the gateway, of the services that were asked so; None: none was."""

    @property
    def inventory(self) -> Inventory:
        """Return what was read."""
        return self.facts.inventory

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Return what this run saw: files, and the running parts that were asked."""
        found = [one.path for one in self.inventory.files]
        if isinstance(self.facts.probes, ProbeFacts):
            found.append(self.facts.probes.url)
        if isinstance(self.facts.database, DatabaseFacts):
            found.append("the database")
        if isinstance(self.facts.logs, LogFacts):
            found.append(f"{self.facts.logs.lines} lines of access log")
        return tuple(found)

    @property
    def counts(self) -> Counter[Severity]:
        """Return how many findings there are of each severity."""
        return Counter(finding.severity for finding in self.findings)

    def changes(self, *, safe: bool) -> tuple[tuple[Finding, tuple[Change, ...]], ...]:
        """Return the edits of the findings whose edits are (not) safe, as lines of a diff."""
        return tuple(
            (one, tuple(change_of(edit, self.inventory) for edit in one.edits))
            for one in self.findings
            if one.edits and one.safe is safe
        )

    def as_dict(self) -> dict[str, object]:
        """Return the report for JSON."""
        return {
            "at": self.facts.now,
            "summary": {severity.value: self.counts[severity] for severity in Severity},
            "findings": [self._finding(finding) for finding in self.findings],
            "matrix": self.matrix and self.matrix.as_dict(),
            "direct": self.direct and self.direct.as_dict(),
            "readiness": self.readiness.as_dict(),
            "inventory": self.inventory.as_dict(),
            "looked_at": list(self.looked_at),
            "not_looked_at": [gap.as_dict() for gap in self.not_looked_at],
            "observed": observed(self.facts),
        }

    def _finding(self, finding: Finding) -> dict[str, object]:
        changes = [change_of(edit, self.inventory).as_dict() for edit in finding.edits]
        return {**finding.as_dict(), "changes": changes}


def gaps(facts: Facts) -> tuple[NotLooked, ...]:
    """Return what was not looked at, each with the findings that would need it."""
    reasons: dict[Needs, str] = {}
    rules: dict[Needs, list[str]] = {}
    for rule, reason in not_looked_at(facts):
        reasons.setdefault(rule.needs, reason)
        rules.setdefault(rule.needs, []).append(rule.id)
    unseen = (
        NotLooked(_SOURCES[needs], reason, tuple(rules[needs]))
        for needs, reason in ((one, reasons[one]) for one in _SOURCES if one in reasons)
    )
    return (*unseen, *_parts(facts))


def _parts(facts: Facts) -> Iterator[NotLooked]:
    """Yield what was left out of the parts that were looked at."""
    if isinstance(facts.probes, ProbeFacts):
        yield from (NotLooked("of the services", one) for one in facts.probes.not_asked)
    if isinstance(facts.database, DatabaseFacts):
        yield from (NotLooked("of the database", one) for one in facts.database.not_looked_at)
    if isinstance(facts.logs, LogFacts) and facts.logs.cut_short:
        yield NotLooked("of the access log", facts.logs.cut_short)


def observed(facts: Facts) -> dict[str, object]:
    """Return what the running parts showed, for JSON; no credential and no value."""
    return {
        "probe": _probe(facts.probes),
        "database": _database(facts.database),
        "access_log": _logs(facts.logs),
    }


def _probe(probes: ProbeFacts | Unknown) -> dict[str, object] | None:
    if isinstance(probes, Unknown):
        return None
    return {
        "url": probes.url,
        "seconds": probes.seconds,
        "jwks": {
            "status": probes.jwks_status,
            "kids": list(probes.jwks_kids),
            "cache_control": probes.jwks_cache_control,
            "problem": probes.jwks_problem,
        },
        "issuer": probes.discovery.get("issuer"),
        "clock_skew_seconds": probes.clock_skew_seconds,
    }


def _database(database: DatabaseFacts | Unknown) -> dict[str, object] | None:
    if isinstance(database, Unknown):
        return None
    return {
        "settings": [
            {"role": one.role, "database": one.database, "name": one.name}
            for one in database.settings
        ],
        "dependants": [
            {"kind": one.kind, "name": one.name, "credential": one.credential}
            for one in database.dependants
        ],
        "realtime_tenants": list(database.realtime_tenants),
        "not_looked_at": list(database.not_looked_at),
    }


def _logs(logs: LogFacts | Unknown) -> dict[str, object] | None:
    if isinstance(logs, Unknown):
        return None
    return {
        "first": _moment(logs.first),
        "last": _moment(logs.last),
        "lines": logs.lines,
        "unreadable": logs.unreadable,
        "jwks": [_fetches(one) for one in logs.jwks],
        "credentials": dict(logs.credentials),
    }


def _fetches(one: Fetches) -> dict[str, object]:
    found = pace(one)
    return {
        "client": one.client,
        "fetches": found.count,
        "failed": one.failed,
        "rhythm": found.rhythm.value,
        "gap_seconds": found.gap.total_seconds() if found.gap else None,
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def versions(inventory: Inventory) -> tuple[str, ...]:
    """Return the services that decide about keys, each with its version."""
    found = (service for kind in VERIFIERS if (service := inventory.of_kind(kind)))
    return tuple(
        f"{one.kind} {'.'.join(map(str, one.version)) if one.version else '?'}" for one in found
    )
