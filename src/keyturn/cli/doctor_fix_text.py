"""The changes that doctor proposes, as lines of a diff without values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from keyturn.cli.doctor_layout import heading, paragraph, plural
from keyturn.cli.output import paint
from keyturn.cli.token_view import printable
from keyturn.doctor.lines import Change

if TYPE_CHECKING:
    from keyturn.flows.doctor_fix import Fixes, Proposal


def fixes_text(made: Fixes) -> str:
    """Return what was or would be changed, then what is left to the user."""
    parts = [*_group("Safe changes: nobody loses access by them", made.safe)]
    parts += _group("Changes that need your decision: never applied by --fix", made.yours)
    parts.append(_closing(made))
    return "\n\n".join(parts)


def _group(title: str, proposals: Iterable[Proposal]) -> Iterator[str]:
    found = list(proposals)
    if found:
        yield heading(title)
    for _, same in groupby(found, key=lambda proposal: proposal[0].id):
        proposals = list(same)
        first = proposals[0][0]
        lines = [f"{paint(first.id, 'bold')}  {printable(first.title)}"]
        for _, changes in proposals:
            for change in changes:
                lines.extend(_change(change))
        yield "\n".join(lines)


def _change(change: Change) -> Iterator[str]:
    where = str(change.place) if change.place else f"{change.file} (new line)"
    yield f"  {paint(printable(where), 'dim')}  {paint(printable(change.note), 'dim')}"
    if change.removed is not None:
        yield "  " + paint(f"- {printable(change.removed)}", "red")
    if change.added is not None:
        yield "  " + paint(f"+ {printable(change.added)}", "green")


def _closing(made: Fixes) -> str:
    if not made.safe and not made.yours:
        return "There is nothing that doctor knows how to change."
    if made.applied:
        return paint(f"{plural(len(made.safe), 'safe change')} applied.", "green")
    return paragraph(
        "Nothing was changed. `--fix --yes` makes the safe changes, with a backup that "
        "`keyturn migrate undo` puts back, and creates the services anew that need it. What "
        "belongs into a compose file goes into its override file where Compose loads one. `…` "
        "stands for a value; six hex digits and the kids of its keys tell which."
    )
