"""The report of `keyturn serve --takeover-check`, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from keyturn.accounts.takeover import Level
from keyturn.cli.output import paint

if TYPE_CHECKING:
    from keyturn.wiring.takeover import TakeoverReport

_HEADINGS: Final = {
    Level.BLOCKS: ("Has to be put right first", "red"),
    Level.DIFFERS: ("Would differ", "yellow"),
    Level.CARRIES_OVER: ("Goes on as it is", "green"),
}
_DOCS: Final = "docs/how-to/take-over-from-gotrue.md"


def payload(report: TakeoverReport) -> dict[str, object]:
    """Return what ``--json`` prints."""
    return {
        "blocks": report.count(Level.BLOCKS),
        "differs": report.count(Level.DIFFERS),
        "remarks": [remark.as_dict() for remark in report.remarks],
    }


def text(report: TakeoverReport) -> str:
    """Return the remarks under a heading for each level, and a closing line."""
    lines: list[str] = []
    for level, (heading, colour) in _HEADINGS.items():
        found = [remark for remark in report.remarks if remark.level is level]
        if found:
            lines += ["", paint(heading, colour)]
        for remark in found:
            lines.append(f"  {remark.topic}: {remark.text}")
            if remark.remedy:
                lines.append(f"    {paint('do:', 'cyan')} {remark.remedy}")
    blocks, differs = report.count(Level.BLOCKS), report.count(Level.DIFFERS)
    lines += ["", f"Nothing was written. To put right first: {blocks}; would differ: {differs}."]
    lines.append(paint(f"How to go there and back: {_DOCS}", "dim"))
    return "\n".join(lines).removeprefix("\n")
