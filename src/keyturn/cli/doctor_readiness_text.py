"""Readiness for people: the phase of the migration, and what stands before the next one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.cli.doctor_layout import heading, labelled, paragraph, plural
from keyturn.cli.output import paint
from keyturn.doctor.dependants import Item
from keyturn.doctor.readiness import Readiness

_INDENT: Final = 9
_MARK: Final = 4


def readiness_text(found: Readiness) -> str:
    """Return the phase, who disagrees, what blocks, and what else depends on the legacy secret."""
    lines = [heading("Migration to ES256"), labelled("phase", found.title)]
    lines += [labelled("split", one) for one in found.split]
    if found.next is None:
        lines.append(labelled("next", "nothing; the migration is done"))
    elif not found.blockers:
        lines.append(labelled("next", f"phase {found.next}; nothing in the files stands before it"))
    else:
        count = plural(len(found.blockers), "thing")
        lines.append(labelled("next", f"phase {found.next}, after {count}:"))
        for number, item in enumerate(found.blockers, start=1):
            alike = number < len(found.blockers) and found.blockers[number].instead == item.instead
            lines += _item(f"{number}.".ljust(_MARK), item, alone=not alike)
    for item in found.remarks:
        where = f" ({item.place})" if item.place else ""
        lines.append(labelled("note", f"{item.what}{where}. {item.why}"))
        lines.append(paint(paragraph(f"→ {item.instead}", _INDENT, hang=2), "dim"))
    lines += _others(found)
    return "\n".join(lines)


def _item(mark: str, item: Item, *, alone: bool) -> Iterator[str]:
    """Yield what is in the way and, unless the next item has the same remedy, the remedy."""
    where = f" ({item.place})" if item.place else ""
    body = paragraph(f"{item.what}{where}", _INDENT + _MARK)
    yield " " * _INDENT + mark + body[_INDENT + _MARK :]
    if alone:
        yield paint(paragraph(f"→ {item.instead}", _INDENT + _MARK, hang=2), "dim")


def _others(found: Readiness) -> Iterator[str]:
    """Yield one line on what depends on the legacy secret and does not stand in the way yet."""
    blocking = set(map(id, found.blockers))
    others = [one for one in found.dependants if id(one) not in blocking]
    if others:
        count = plural(len(others), "other thing depends", "other things depend")
        yield labelled("later", f"{count} on the legacy secret or keys; --json lists them")
