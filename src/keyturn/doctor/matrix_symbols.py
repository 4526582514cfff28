"""One short word per cell of the matrix, and the line that explains the words that are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.doctor.matrix import Cell, Judgement, Matrix
from keyturn.profiles.verdict import Outcome, Verdict

NOTHING: Final = "-"
_WORDS: Final[Mapping[Outcome, str]] = {
    Outcome.ACCEPTED: "ok",
    Outcome.DOWNGRADED: "anon",
    Outcome.DOWN: "down",
    Outcome.OPEN: "open",
    Outcome.ABSENT: NOTHING,
    Outcome.UNKNOWN: "?",
}
_MEANINGS: Final[Mapping[str, str]] = {
    "ok": "accepted",
    "no": "refused",
    "anon": "taken as anon, without an error",
    "down": "does not start",
    "open": "nobody checks",
    "?": "cannot be told",
    NOTHING: "does not exist",
}


def symbol(cell: Cell | None) -> str:
    """Return the word of a cell; what was observed stands behind ``≠`` where it differs."""
    if cell is None:
        return NOTHING
    predicted = _predicted(cell.predicted)
    return f"{predicted}≠{_observed(cell)}" if cell.differs else predicted


def marked(cell: Cell | None, *, observed: bool = False) -> str:
    """Return the word of a cell, with ``!`` where it is not as it should be.

    In a matrix that was ``observed``, ``~`` stands behind what is only predicted.
    """
    amiss = cell is not None and cell.judgement is Judgement.BAD
    unseen = observed and cell is not None and _unseen(cell)
    return symbol(cell) + ("!" if amiss else "") + ("~" if unseen else "")


def legend(found: Matrix) -> str:
    """Return what the words in ``found`` mean; those that do not occur are left out."""
    cells = [found.cell(service, kind) for service in found.services for kind in found.columns]
    words = {_predicted(cell.predicted) if cell else NOTHING for cell in cells}
    parts = [f"{word} {meaning}" for word, meaning in _MEANINGS.items() if word in words]
    number = min((word for word in words if word.isdigit()), default=None)
    if number:
        parts.insert(1, f"{number} refused with that status")
    if any(cell and cell.judgement is Judgement.BAD for cell in cells):
        parts.append("! not as it should be")
    if found.observed and any(cell and _unseen(cell) for cell in cells):
        parts.append("~ predicted only: not asked, or the answer does not tell")
    if found.differences:
        parts.append("a≠b the files say a, the running service did b")
    return " · ".join(parts)


def _unseen(cell: Cell) -> bool:
    told = cell.predicted.outcome not in (Outcome.UNKNOWN, Outcome.ABSENT)
    return told and not cell.differs and cell.accepted is None


def _predicted(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.REFUSED:
        return str(verdict.status) if verdict.status else "no"
    return _WORDS[verdict.outcome]


def _observed(cell: Cell) -> str:
    status = cell.observed.status if cell.observed else None
    if status is None:
        return "none"
    return "ok" if cell.accepted else str(status)
