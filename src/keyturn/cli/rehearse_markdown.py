"""A rehearsal as a Markdown report: for a pull request, or for whoever has to agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from keyturn.cli.rehearse_text import sentence
from keyturn.flows.rehearse_ledger import total

if TYPE_CHECKING:
    from keyturn.errors import Detail
    from keyturn.flows.rehearse_ledger import Phase
    from keyturn.flows.rehearse_report import Report


def markdown(reports: Mapping[str, Report]) -> str:
    """Return the document; one section per way that was rehearsed."""
    lines = ["# Rehearsal", ""]
    for name, report in reports.items():
        lines += _report(name, report)
    return "\n".join(lines) + "\n"


def _report(name: str, report: Report) -> Iterator[str]:
    forged = total(report.phases, lambda phase: phase.forged)
    yield f"## {name}"
    yield ""
    yield f"- requests: {report.requests}, refused: {report.refused}"
    yield f"- forged credentials: {forged}, accepted: {report.accepted}"
    yield f"- users signed out: {total(report.phases, lambda phase: phase.signed_out)}"
    yield f"- every phase possible: {'yes' if report.complete else 'no'}"
    yield ""
    yield "| phase | outcome | requests | refused | interrupted | longest interruption |"
    yield "|---|---|---|---|---|---|"
    for phase in report.phases:
        longest = f"{phase.longest[1]:.1f} s ({phase.longest[0]})" if phase.longest else "none"
        yield (
            f"| {_text(phase.name)} | {phase.outcome.value} | {phase.requests} | {phase.refused} "
            f"| {phase.interrupted} | {longest} |"
        )
    yield ""
    for phase in report.phases:
        yield from _phase(phase)
    yield from _list("Did not work before", [sentence(one) for one in report.broken_before])
    yield from _list(
        "Cannot move to the new API keys yet", [sentence(one) for one in report.cannot_move]
    )
    yield from _list("Checks no credential at all", list(report.open_before))
    yield "### What was real, and what stood in"
    yield ""
    yield "| service | in the rehearsal | behaviour taken from |"
    yield "|---|---|---|"
    for part in report.parts:
        yield f"| {_text(part.service)} | {_text(part.stands_for)} | {_text(part.behaviour)} |"
    yield ""


def _phase(phase: Phase) -> Iterator[str]:
    yield f"### {_text(phase.title)}"
    yield ""
    yield f"{phase.outcome.value}, {round(phase.seconds)} s of the deployment's time."
    yield ""
    if len(phase.details) > 1:
        yield from _list(None, [_detail(one) for one in phase.details])
    elif phase.reason:
        yield f"{_text(phase.reason)} {_text(phase.hint or '')}".rstrip()
        yield ""
    yield from _list(None, [*(f"step: {one}" for one in phase.steps), *phase.waits, *phase.notes])
    yield from _list(
        None, [f"refused {count} × {sentence(one)}" for one, count in phase.refusals.items()]
    )
    yield from _list(
        None,
        [
            f"accepted {count} × {one.credential} at {one.service}"
            + (" (past the gateway)" if one.direct else "")
            for one, count in phase.intrusions.items()
        ],
    )


def _detail(one: Detail) -> str:
    place = f"{one.place}: " if one.place else ""
    return f"{place}{one.problem} {one.remedy or ''}".rstrip()


def _list(title: str | None, items: list[str]) -> Iterator[str]:
    if not items:
        return
    if title:
        yield f"### {title}"
        yield ""
    yield from (f"- {_text(item)}" for item in items)
    yield ""


def _text(value: str) -> str:
    """Keep what a service said from becoming Markdown or HTML."""
    flat = " ".join(value.split())
    for letter in "\\`*_[]<>|#":
        flat = flat.replace(letter, f"\\{letter}")
    return flat
