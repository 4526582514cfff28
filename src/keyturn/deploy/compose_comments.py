"""Settings that stand commented out in a service's ``environment:`` block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from keyturn.deploy.place import Place
from keyturn.deploy.redaction import shown
from keyturn.deploy.setting import CommentedOut

_COMMENTED = re.compile(
    r"^(?P<lead>\s*#[#\s]*)(?P<dash>-\s+)?[\"']?(?P<name>[A-Z][A-Z0-9_]*)[\"']?(?:\s*:(?:\s+|$)|=)"
    r"(?P<value>.*)$"
)


def commented(lines: Sequence[str], key: Place) -> dict[str, CommentedOut]:
    """Return what is commented out in the block whose key ``environment:`` stands at ``key``.

    The block ends at the first line that is no comment and no deeper than the key.
    """
    found: dict[str, CommentedOut] = {}
    for number, line in _block(lines, key):
        match = _COMMENTED.match(line)
        if match and _belongs(match["lead"], bool(match["dash"]), key):
            name, value = match["name"], match["value"].strip().strip("\"'")
            template = shown(name, value) if "$" in value else None
            place = Place(key.file, number, match.start("name") + 1)
            found.setdefault(name, CommentedOut(name, place, template))
    return found


def _block(lines: Sequence[str], key: Place) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines[key.line :], key.line + 1):
        bare = line.strip()
        column = len(line) - len(line.lstrip()) + 1
        if bare and not bare.startswith("#"):
            listed = bare.startswith("- ") and column == key.column
            if column <= key.column and not listed:
                return
        yield number, line


def _belongs(lead: str, listed: bool, key: Place) -> bool:
    """Whether a comment stands in the block, or at the left edge with its text so deep."""
    column = len(lead) - len(lead.lstrip()) + 1
    if column == 1 and key.column > 1:
        return len(lead) >= key.column
    return column > key.column or (listed and column == key.column)
