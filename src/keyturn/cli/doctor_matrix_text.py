"""The matrix for a terminal of 80 columns, and the reason of every cell that is amiss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.cli.doctor_layout import SEPARATOR, heading, items, paragraph
from keyturn.cli.output import paint
from keyturn.doctor.matrix import Cell, Judgement, Matrix
from keyturn.doctor.matrix_reasons import reasons
from keyturn.doctor.matrix_symbols import legend, marked
from keyturn.profiles.request import CredentialKind

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


def matrix_text(found: Matrix, way: str = "") -> str:
    """Return the table, its legend, and the reasons; ``way`` stands behind the title."""
    kind = "predicted and observed" if found.observed else "predicted from the files"
    title = heading(f"Services × credentials{way}")
    lines = [f"{title}  {paint(kind, 'dim')}", *_table(found)]
    lines += ["", paint(items(legend(found).split(SEPARATOR)), "dim")]
    lines += [paint(line, "dim") for line in _missing(found)]
    reasons = list(_reasons(found))
    return "\n".join(lines + ([""] if reasons else []) + reasons)


def _table(found: Matrix) -> Iterator[str]:
    words = {
        (service, kind): marked(found.cell(service, kind), observed=found.observed)
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
    """Yield a paragraph for every distinct reason of cells that are amiss."""
    for one in reasons(found):
        yield paragraph(f"{one.which}: {one.said}", hang=2)
        if one.why:
            yield paint(paragraph(one.why, 2), "dim")
        for seen in one.observed:
            yield paint(paragraph(seen, 2, hang=2), "yellow")
