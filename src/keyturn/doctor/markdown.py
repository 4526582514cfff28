"""The report as Markdown, to be pasted into an issue: no secret, no path of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.doctor.dependants import Item
from keyturn.doctor.finding import Finding, Severity
from keyturn.doctor.lines import line_at
from keyturn.doctor.markup import code, inline
from keyturn.doctor.matrix import Matrix
from keyturn.doctor.matrix_reasons import reasons
from keyturn.doctor.matrix_symbols import legend, marked
from keyturn.doctor.readiness import Readiness
from keyturn.doctor.report import Report, versions

_WORDS: Final = {
    Severity.CRITICAL: "critical",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTICE: "notice",
}


def markdown(report: Report, version: str) -> str:
    """Return the whole report."""
    parts = [
        "## keyturn doctor",
        _facts(report, version),
        *_findings(report),
        *(_matrix(report.matrix) if report.matrix else ()),
        _readiness(report.readiness),
        _gaps(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(report: Report, version: str) -> str:
    gateway = report.inventory.gateway
    shown = [
        f"- Keyturn {version}, {report.facts.now:%Y-%m-%d %H:%M} UTC",
        f"- {' · '.join(versions(report.inventory))}",
        f"- gateway: {gateway.image or gateway.name if gateway else 'none found'}",
        f"- read: {', '.join(f'`{name}`' for name in report.looked_at)}",
    ]
    return "\n".join(shown)


def _findings(report: Report) -> Iterator[str]:
    if not report.findings:
        yield "**Nothing found.**"
        return
    yield f"### Findings ({len(report.findings)})"
    for finding in report.findings:
        yield _finding(finding, report)


def _finding(finding: Finding, report: Report) -> str:
    lines = [
        f"#### {finding.id} · {_WORDS[finding.severity]} · {inline(finding.title)}",
        "",
        inline(finding.seen),
        "",
        f"**Why it matters:** {inline(finding.why)}",
        "",
        f"**Fix:** {inline(finding.fix)}",
    ]
    places = [_place(str(one), line_at(report.inventory, one)) for one in finding.places]
    return "\n".join((*lines, *([""] if places else []), *places))


def _place(place: str, text: str | None) -> str:
    return f"- `{place}`" + (f" — {code(text)}" if text else "")


def _matrix(found: Matrix) -> Iterator[str]:
    yield "### Services × credentials"
    head = ["service", *(one.value for one in found.columns)]
    rows = [
        [
            kind.value,
            *(
                marked(found.cell(kind, column), observed=found.observed)
                for column in found.columns
            ),
        ]
        for kind in found.services
    ]
    table = [head, ["---"] * len(head), *rows]
    yield "\n".join("| " + " | ".join(row) + " |" for row in table)
    yield legend(found)
    why = [f"- {inline(f'{one.which}: {one.said}. {one.why}')}" for one in reasons(found)]
    if why:
        yield "\n".join(why)


def _readiness(found: Readiness) -> str:
    lines = [f"### Migration to ES256: phase {inline(found.title)}"]
    lines += ["", *(f"- {inline(one)}" for one in found.split)] if found.split else []
    if found.next and found.blockers:
        lines += ["", f"Before phase {found.next}:", ""]
        lines += [f"1. {inline(_blocker(one))}" for one in found.blockers]
    if found.remarks:
        lines += ["", *(f"- {inline(f'{_blocker(one)}. {one.why}')}" for one in found.remarks)]
    return "\n".join(lines)


def _blocker(item: Item) -> str:
    where = f" ({item.place})" if item.place else ""
    return f"{item.what}{where}; instead: {item.instead}"


def _gaps(report: Report) -> str:
    if not report.not_looked_at:
        return ""
    lines = (f"- {one.what}: {inline(one.reason)}" for one in report.not_looked_at)
    return "### Not looked at\n\n" + "\n".join(lines)
