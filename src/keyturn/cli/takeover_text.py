"""The report of `keyturn serve --takeover-check`, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from keyturn.accounts.takeover import Level
from keyturn.cli.doctor_layout import heading, paragraph, plural
from keyturn.cli.output import paint

if TYPE_CHECKING:
    from keyturn.accounts.takeover import Remark
    from keyturn.wiring.takeover import TakeoverReport

_HEADINGS: Final = {
    Level.BLOCKS: ("Has to be put right first", "red"),
    Level.DIFFERS: ("Would differ", "yellow"),
    Level.CARRIES_OVER: ("Goes on as it is", "green"),
}
# What users would notice comes first, what only the operator sees last.
_TOPICS: Final = (
    "sessions",
    "passwords",
    "signing keys",
    "providers",
    "factors",
    "encryption",
    "triggers",
    "hooks",
    "settings",
    "schema",
)
_COLUMN: Final = 14
_INDENT: Final = 2
_DOCS: Final = "docs/how-to/take-over-from-gotrue.md"
_NEXT: Final = (
    "Stop GoTrue and start `keyturn serve` with the same environment. Going back is the same the "
    f"other way round: {_DOCS}"
)


def payload(report: TakeoverReport) -> dict[str, object]:
    """Return what ``--json`` prints."""
    return {
        "blocks": report.count(Level.BLOCKS),
        "differs": report.count(Level.DIFFERS),
        "remarks": [remark.as_dict() for remark in report.remarks],
    }


def text(report: TakeoverReport) -> str:
    """Return the remarks under a heading for each level, and whether one can switch."""
    parts = []
    for level, (title, colour) in _HEADINGS.items():
        found = sorted((one for one in report.remarks if one.level is level), key=_place)
        if found:
            lines = _topics(found, colour)
            parts.append("\n".join([paint(f"{title} ({len(found)})", colour), *lines]))
    return "\n\n".join([*parts, _closing(report)])


def _place(remark: Remark) -> tuple[int, str]:
    known = remark.topic in _TOPICS
    return _TOPICS.index(remark.topic) if known else len(_TOPICS), remark.topic


def _topics(remarks: Iterable[Remark], colour: str) -> Iterator[str]:
    """Yield the remarks beside their topic, which is named once."""
    for topic, each in groupby(remarks, key=lambda remark: remark.topic):
        label = topic
        for remark in each:
            beside = " " * _INDENT + label.ljust(_COLUMN)
            yield paint(beside, colour) + _behind(beside, remark.text)
            if remark.remedy:
                beside = " " * (_INDENT + _COLUMN) + "do: "
                yield paint(beside, "cyan") + _behind(beside, remark.remedy)
            label = ""


def _behind(beside: str, words: str) -> str:
    """Return ``words`` as a paragraph to the right of ``beside``."""
    return paragraph(words, len(beside))[len(beside) :]


def _closing(report: TakeoverReport) -> str:
    blocks, differs = report.count(Level.BLOCKS), report.count(Level.DIFFERS)
    would = plural(differs, "thing") + " would differ" if differs else "nothing would differ"
    if blocks:
        said = f"Not yet: {plural(blocks, 'thing')} to put right first, {would}."
        return f"{heading(said)} Nothing was written.\n{paint(f'More: {_DOCS}', 'dim')}"
    said = f"You can switch: {would}."
    return f"{heading(said)} Nothing was written.\n{paint(paragraph(_NEXT), 'dim')}"
