"""What the running parts showed: the probe, the database, and who fetches the JWKS."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from keyturn.cli.doctor_layout import heading, labelled, plural, width
from keyturn.doctor.facts import DatabaseFacts, LogFacts, ProbeFacts
from keyturn.doctor.jwks_picture import picture, verdict
from keyturn.doctor.report import Report


def running_text(report: Report) -> str:
    """Return the part on what runs; empty when only files were read."""
    facts = report.facts
    lines: list[str] = []
    if isinstance(facts.probes, ProbeFacts):
        lines += _probe(facts.probes)
    if isinstance(facts.database, DatabaseFacts):
        lines += _database(facts.database)
    if isinstance(facts.logs, LogFacts):
        lines += _logs(facts.logs)
    return "\n".join((heading("What runs"), *lines)) if lines else ""


def _probe(probes: ProbeFacts) -> Iterator[str]:
    answered = sum(one.status is not None for one in probes.answers)
    count = plural(len(probes.answers), "request")
    yield labelled("probe", f"{probes.url}: {answered} of {count} answered in {probes.seconds} s")
    yield labelled("jwks", _jwks(probes))
    issuer = probes.discovery.get("issuer")
    if issuer:
        yield labelled("issuer", str(issuer))
    if probes.clock_skew_seconds is not None:
        yield labelled("clock", f"{probes.clock_skew_seconds:+.1f} s against this machine")


def _jwks(probes: ProbeFacts) -> str:
    if probes.jwks_status is None:
        return "no answer"
    keys = ", ".join(probes.jwks_kids) or "no key"
    cache = probes.jwks_cache_control or "no Cache-Control"
    problem = f"; {probes.jwks_problem}" if probes.jwks_problem else ""
    return f"{probes.jwks_status}, {keys}; {cache}{problem}"


def _database(database: DatabaseFacts) -> Iterator[str]:
    held = [f"{one.kind} {one.name}: {one.credential}" for one in database.dependants]
    settings = [one.name for one in database.settings]
    yield labelled("db", f"settings: {', '.join(settings) or 'none about keys'}")
    for one in held or ["no webhook, job or vault secret holds a key"]:
        yield labelled("", one)


def _logs(logs: LogFacts) -> Iterator[str]:
    unread = f", {logs.unreadable} unreadable" if logs.unreadable else ""
    yield labelled("log", f"{plural(logs.lines, 'line')}{unread}. {verdict(logs)}")
    if logs.credentials:
        yield labelled("used", _used(logs))
    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    for line in picture(logs, ascii_only=ascii_only, width=width() - 2):
        yield f"  {line}"


def _used(logs: LogFacts) -> str:
    """Return ``publishable 120 · anon legacy 3``: the credentials that requests carried."""
    ranked = sorted(logs.credentials.items(), key=lambda pair: -pair[1])
    return " · ".join(f"{kind} {count}" for kind, count in ranked)
