"""The matrix for a terminal of 80 columns, and the reason of every cell that is amiss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from keyturn.cli.doctor_layout import SEPARATOR, heading, items, paragraph
from keyturn.cli.output import paint
from keyturn.doctor.matrix import Cell, Judgement, Matrix
from keyturn.doctor.matrix_symbols import legend, marked
from keyturn.profiles.request import CredentialKind
from keyturn.profiles.verdict import Outcome, Verdict

_HEADS: Final = {
    CredentialKind.ANON_LEGACY: ("anon", "legacy"),
    CredentialKind.SERVICE_LEGACY: ("service", "legacy"),
    CredentialKind.PUBLISHABLE: ("publi-", "shable"),
    CredentialKind.SECRET: ("secret", "key"),
    CredentialKind.USER_ES256: ("user", "ES256"),
    CredentialKind.USER_HS256: ("user", "HS256"),
    CredentialKind.FORGED: ("forged", ""),
    CredentialKind.EXPIRED: ("expired", ""),
    CredentialKind.UNKNOWN_KID: ("unknown", "kid"),
}
_STYLES: Final = {Judgement.GOOD: None, Judgement.BAD: "red", Judgement.NEUTRAL: "dim"}
_NAME: Final = 9


def matrix_text(found: Matrix) -> str:
    """Return the table, its legend, and the reasons."""
    kind = "predicted and observed" if found.observed else "predicted from the files"
    lines = [f"{heading('Services × credentials')}  {paint(kind, 'dim')}", *_table(found)]
    lines += ["", paint(items(legend(found).split(SEPARATOR)), "dim")]
    lines += [paint(line, "dim") for line in _missing(found)]
    reasons = list(_reasons(found))
    return "\n".join(lines + ([""] if reasons else []) + reasons)


def _table(found: Matrix) -> Iterator[str]:
    words = {
        (service, kind): marked(found.cell(service, kind))
        for service in found.services
        for kind in found.columns
    }
    widths = {
        kind: max(
            *map(len, _HEADS[kind]), *(len(words[service, kind]) for service in found.services), 0
        )
        for kind in found.columns
    }
    for row in (0, 1):
        cells = (_HEADS[kind][row].ljust(widths[kind]) for kind in found.columns)
        yield paint(" ".join((" " * _NAME, *cells)).rstrip(), "dim")
    for service in found.services:
        cells = (
            _painted(words[service, kind].ljust(widths[kind]), found.cell(service, kind))
            for kind in found.columns
        )
        yield " ".join((service.value.ljust(_NAME), *cells)).rstrip()


def _painted(text: str, cell: Cell | None) -> str:
    style = _STYLES[cell.judgement] if cell else "dim"
    if cell is not None and cell.differs and cell.judgement is not Judgement.BAD:
        style = "yellow"
    return paint(text, style) if style else text


def _missing(found: Matrix) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for kind, reason in found.missing.items():
        by_reason.setdefault(reason, []).append(kind.value)
    for reason, kinds in by_reason.items():
        yield paragraph(f"- {', '.join(kinds)}: {reason}", hang=2)


def _reasons(found: Matrix) -> Iterator[str]:
    """Yield a paragraph for every distinct reason of cells that are bad, differ or are unknown."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in found.cells.values():
        if cell.judgement is Judgement.BAD or cell.differs or _untold(cell):
            groups.setdefault((answer(cell.predicted), cell.predicted.why), []).append(cell)
    for (said, why), cells in groups.items():
        yield _reason(found, cells, said, why)
        yield from (_observed(cell) for cell in cells if cell.differs)


def _untold(cell: Cell) -> bool:
    return cell.predicted.outcome is Outcome.UNKNOWN and bool(cell.predicted.why)


def _reason(found: Matrix, cells: Sequence[Cell], said: str, why: str) -> str:
    head = paragraph(f"{_named(found, cells)}: {said}", hang=2)
    return f"{head}\n{paint(paragraph(why, 2), 'dim')}" if why else head


def _named(found: Matrix, cells: Sequence[Cell]) -> str:
    """Return ``auth × forged, expired; rest, storage × everything``."""
    by_service: dict[str, list[str]] = {}
    for cell in cells:
        by_service.setdefault(cell.service.value, []).append(cell.credential.value)
    by_credentials: dict[str, list[str]] = {}
    for service, credentials in by_service.items():
        row = sum(1 for kind, _ in found.cells if kind.value == service)
        words = "everything" if len(credentials) == row else ", ".join(credentials)
        by_credentials.setdefault(words, []).append(service)
    return "; ".join(f"{', '.join(names)} × {which}" for which, names in by_credentials.items())


def _observed(cell: Cell) -> str:
    seen = cell.observed
    if seen is None:
        return ""
    said = " ".join(str(part) for part in (seen.status, seen.code, seen.message) if part)
    return paragraph(f"observed with {cell.credential.value}: {said or 'no answer'}", 2, hang=2)


def answer(verdict: Verdict) -> str:
    """Return the end of a way in one line: ``401 PGRST301 No suitable key …``."""
    code, message = verdict.code or "", verdict.message or ""
    code = "" if message.startswith(code) else code
    said = " ".join(part for part in (str(verdict.status or ""), code, message) if part)
    role = f" as {verdict.role}" if verdict.role else ""
    return f"{verdict.outcome.value}{role}{', ' + said if said else ''}"
