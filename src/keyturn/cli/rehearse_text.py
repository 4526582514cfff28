"""A rehearsal for the terminal: the table, what was refused and why, the sentence that counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from keyturn.cli.output import paint, table
from keyturn.flows.rehearse_ledger import Outcome, total

if TYPE_CHECKING:
    from keyturn.flows.rehearse_ledger import Phase, Refusal
    from keyturn.flows.rehearse_report import Report

_HEADERS: Final = ("phase", "outcome", "requests", "refused", "interrupted", "longest interruption")
_SHOWN: Final = 12
"""Reasons per phase; the others are in --json and in the Markdown report."""


def text(report: Report, title: str) -> str:
    """Return the whole report."""
    return "\n".join(_lines(report, title))


def _lines(report: Report, title: str) -> Iterator[str]:
    yield paint(title, "bold")
    yield ""
    yield table(_HEADERS, [_row(phase) for phase in report.phases])
    for phase in report.phases:
        yield from _phase(phase)
    yield from _block("Did not work before, so nobody counts it:", report.broken_before)
    yield from _block("Cannot move to the new API keys yet:", report.cannot_move)
    if report.open_before:
        names = ", ".join(report.open_before)
        yield f"\nChecks no credential at all, before as after: {names}."
    yield ""
    yield closing(report)


def _row(phase: Phase) -> list[str]:
    longest = f"{phase.longest[1]:.1f} s ({phase.longest[0]})" if phase.longest else "none"
    numbers = (phase.requests, phase.refused, phase.interrupted)
    return [phase.name, phase.outcome.value, *map(str, numbers), longest]


def _phase(phase: Phase) -> Iterator[str]:
    lines = [*_outcome(phase), *(f"  note: {note}" for note in phase.notes), *_refusals(phase)]
    lines += [
        f"  {paint('accepted', 'red')} {count} × {one.credential} at {one.service}"
        + (", past the gateway" if one.direct else "")
        for one, count in phase.intrusions.items()
    ]
    if lines:
        yield f"\n{paint(phase.title, 'bold')}"
        yield from lines


def _outcome(phase: Phase) -> Iterator[str]:
    if phase.outcome in (Outcome.NOT_POSSIBLE, Outcome.FAILED):
        several = len(phase.details) > 1
        reason = f"{len(phase.details)} things stand in the way" if several else phase.reason
        yield f"  {paint(phase.outcome.value, 'red')}: {reason}"
        for one in phase.details if several else ():
            yield f"  - {f'{one.place}: ' if one.place else ''}{one.problem}"
            if one.remedy:
                yield f"    {paint('fix:', 'cyan')} {one.remedy}"
        if phase.hint and not (several and phase.details[0].remedy):
            yield f"  {paint('hint', 'cyan')}: {phase.hint}"


def _refusals(phase: Phase) -> Iterator[str]:
    most = sorted(phase.refusals.items(), key=lambda item: -item[1])
    for one, count in most[:_SHOWN]:
        yield f"  {paint('refused', 'red')} {count} × {sentence(one)}"
    if len(most) > _SHOWN:
        yield f"  … and {len(most) - _SHOWN} more reasons (--json, --report)"


def _block(title: str, refusals: tuple[Refusal, ...]) -> Iterator[str]:
    if refusals:
        yield f"\n{title}"
        yield from (f"  {sentence(one)}" for one in refusals)


def sentence(one: Refusal) -> str:
    """Return one refusal in a line: who, with what, what was said, and why."""
    said = " ".join(str(part) for part in (one.status, one.code, one.message) if part)
    why = f": {one.why}" if one.why and one.why != one.message else ""
    return f"{one.act} ({one.credential}) at {one.act.service}: {said}{why}"


def closing(report: Report) -> str:
    """Return the summary that proves what matters."""
    forged = total(report.phases, lambda phase: phase.forged)
    signed_out = total(report.phases, lambda phase: phase.signed_out)
    line = (
        f"users signed out: {signed_out}; requests refused: {report.refused} of {report.requests}; "
        f"forged credentials accepted: {report.accepted} of {forged}"
    )
    if not report.complete:
        line += "; not every phase was possible"
    return paint(line, "green" if report.ok and report.complete else "red")
