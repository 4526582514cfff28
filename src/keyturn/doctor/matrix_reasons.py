"""The reasons behind the cells of the matrix that are amiss, each distinct one once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keyturn.doctor.matrix import Cell, Judgement, Matrix
from keyturn.profiles.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Reason:
    """Cells that end alike for the same reason."""

    cells: tuple[Cell, ...]
    which: str
    """``rest, storage × user ES256``."""
    said: str
    """What the services answer: ``refused, 401 PGRST301 No suitable key …``."""
    why: str

    @property
    def observed(self) -> tuple[str, ...]:
        """Return what the running services answered where it differs."""
        return tuple(_observed(cell) for cell in self.cells if cell.differs)


def reasons(found: Matrix) -> tuple[Reason, ...]:
    """Return why cells are bad, differ from what runs, or cannot be told."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in found.cells.values():
        if cell.judgement is Judgement.BAD or cell.differs or _untold(cell):
            groups.setdefault((answer(cell.predicted), cell.predicted.why), []).append(cell)
    return tuple(
        Reason(tuple(cells), _named(found, cells), said, why)
        for (said, why), cells in groups.items()
    )


def answer(verdict: Verdict) -> str:
    """Return the end of a way in one line: ``refused, 401 PGRST301 No suitable key …``."""
    code, message = verdict.code or "", verdict.message or ""
    code = "" if message.startswith(code) else code
    said = " ".join(part for part in (str(verdict.status or ""), code, message) if part)
    role = f" as {verdict.role}" if verdict.role else ""
    return f"{verdict.outcome.value}{role}{', ' + said if said else ''}"


def _untold(cell: Cell) -> bool:
    return cell.predicted.outcome is Outcome.UNKNOWN and bool(cell.predicted.why)


def _named(found: Matrix, cells: Sequence[Cell]) -> str:
    """Return ``auth × forged, expired; rest, storage × everything``."""
    by_service: dict[str, list[str]] = {}
    for cell in cells:
        by_service.setdefault(cell.service.value, []).append(cell.credential.value)
    by_credentials: dict[str, list[str]] = {}
    for service, credentials in by_service.items():
        row = sum(kind.value == service for kind, _ in found.cells)
        words = "everything" if len(credentials) == row else ", ".join(credentials)
        by_credentials.setdefault(words, []).append(service)
    return "; ".join(f"{', '.join(names)} × {which}" for which, names in by_credentials.items())


def _observed(cell: Cell) -> str:
    said = cell.observed.said if cell.observed else "no answer"
    return f"{cell.service} answered to {cell.credential}: {said}"
