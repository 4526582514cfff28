"""Doctor's report for people: findings first, then the matrix, readiness, and what was not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from keyturn.cli.doctor_layout import heading, items, labelled, paragraph, plural, width
from keyturn.cli.doctor_matrix_text import matrix_text
from keyturn.cli.doctor_readiness_text import readiness_text
from keyturn.cli.doctor_running_text import running_text
from keyturn.cli.output import paint
from keyturn.cli.token_view import printable
from keyturn.doctor.finding import Finding, Severity
from keyturn.doctor.lines import line_at
from keyturn.doctor.report import Report, versions

STYLES: Final = {
    Severity.CRITICAL: "magenta",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.NOTICE: "cyan",
}
_PLACES_SHOWN: Final = 8
_NOTES_SHOWN: Final = 3
_FIRST_OF_ALL: Final = ("no_env_file", "not_reached")
"""Notes that change what everything below means."""
_TITLE: Final = 7


def report_text(report: Report, *, folder: str) -> str:
    """Return the whole report."""
    parts = [
        _head(report, folder),
        *_findings(report),
        *([matrix_text(report.matrix)] if report.matrix else []),
        *([matrix_text(report.direct, ", past the gateway")] if report.direct else []),
        running_text(report),
        readiness_text(report.readiness),
        _notes(report),
        _gaps(report),
        _closing(report, folder),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(report: Report, folder: str) -> str:
    gateway = report.inventory.gateway
    name = f"{gateway.kind} {_version(gateway.version)}" if gateway else "no gateway"
    first = items((folder, report.inventory.layout.value, name))
    read = ", ".join(one.path for one in report.inventory.files)
    lines = [heading(first), items(versions(report.inventory))]
    if read:
        lines.append(paint(paragraph(f"read {read}", hang=5), "dim"))
    urgent = (note for note in report.inventory.notes if note.code in _FIRST_OF_ALL)
    lines += [paint(paragraph(f"note: {note.message}", hang=6), "yellow") for note in urgent]
    return "\n".join(lines)


def _version(version: tuple[int, ...] | None) -> str:
    return ".".join(map(str, version)) if version else "?"


def _findings(report: Report) -> Iterator[str]:
    for severity in Severity:
        group = [one for one in report.findings if one.severity is severity]
        if group:
            yield paint(f"{severity.value.upper()} ({len(group)})", STYLES[severity])
        for _, same in groupby(group, key=lambda one: one.id):
            yield finding_text(list(same), report)


def finding_text(same: Sequence[Finding], report: Report) -> str:
    """Return findings of one id: what, why and the fix once, then what was seen and where."""
    first = same[0]
    title = paragraph(first.title, _TITLE)[_TITLE:]
    lines = [f"{paint(first.id, STYLES[first.severity])}  {heading(title)}"]
    shared_fix = len({one.fix for one in same}) == 1
    for number, one in enumerate(same):
        lines += ["", *_seen(one)] if number else _seen(one)
        if number == 0:
            lines.append(labelled("why", one.why))
        if number == 0 or not shared_fix:
            lines.append(labelled("fix", one.fix))
        lines += _where(one, report)
    if any(one.edits and one.safe for one in same):
        lines.append(labelled("safe", "--fix makes this change; nobody loses access by it."))
    return "\n".join(lines)


def _seen(finding: Finding) -> list[str]:
    return [labelled("seen", f"{finding.seen}{_doubt(finding)}")]


def _doubt(finding: Finding) -> str:
    return "" if finding.confidence.value == "certain" else f" ({finding.confidence.value})"


def _where(finding: Finding, report: Report) -> Iterator[str]:
    shown = finding.places[:_PLACES_SHOWN]
    names = [str(place) for place in shown]
    column = max(map(len, names), default=0)
    for number, (place, name) in enumerate(zip(shown, names, strict=True)):
        text = printable(line_at(report.inventory, place) or "")
        label = paint("where".ljust(7), "dim") if number == 0 else " " * 7
        yield _cut(f"  {label}", f"{name.ljust(column)}  {text}".rstrip(), 9)
    left = len(finding.places) - len(shown)
    if left > 0:
        yield " " * 9 + paint(f"and {plural(left, 'more line')}", "dim")


def _cut(label: str, text: str, indent: int) -> str:
    """Keep a line of a file on one line: what does not fit is cut with ``…``."""
    room = width() - indent
    return label + (text if len(text) <= room else text[: room - 1] + "…")


def _notes(report: Report) -> str:
    """Return what was odd while reading; of many alike only the first."""
    others = [note for note in report.inventory.notes if note.code not in _FIRST_OF_ALL]
    if not others:
        return ""
    lines = [heading("While reading")]
    for _, alike in groupby(others, key=lambda note: note.code):
        notes = list(alike)
        for note in notes[:_NOTES_SHOWN]:
            where = f" ({note.place})" if note.place else ""
            lines.append(paragraph(f"{note.message}{where}", 2, hang=2))
        left = len(notes) - _NOTES_SHOWN
        if left > 0:
            lines.append(paint(f"  and {left} more like this; --json has them all", "dim"))
    return "\n".join(lines)


def _gaps(report: Report) -> str:
    if not report.not_looked_at:
        return ""
    lines = [heading("Not looked at")]
    for gap in report.not_looked_at:
        count = (
            f" ({plural(len(gap.rules), 'finding depends', 'findings depend')} on it)"
            if gap.rules
            else ""
        )
        lines.append(paragraph(f"{gap.what}: {gap.reason}{count}", 2, hang=2))
    return "\n".join(lines)


def _closing(report: Report, folder: str) -> str:
    if not report.findings:
        return paint("Nothing found.", "green")
    counted = ", ".join(
        plural(report.counts[severity], severity.value, _many(severity))
        for severity in Severity
        if report.counts[severity]
    )
    safe = len(report.changes(safe=True))
    more = f"\nkeyturn doctor {folder} --fix makes {plural(safe, 'safe change')}." if safe else ""
    first = report.findings[0].id
    return f"{counted}.{more}\nkeyturn doctor --explain {first} says more about a finding."


def _many(severity: Severity) -> str | None:
    return "critical" if severity is Severity.CRITICAL else None
