"""Settings that stand commented out in a service's ``environment:`` block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from keyturn.deploy.place import Place
from keyturn.deploy.redaction import shown
from keyturn.deploy.setting import CommentedOut

_COMMENTED = re.compile(
    r"^(?P<lead>\s*#[#\s]*)(?:-\s+)?[\"']?(?P<name>[A-Z][A-Z0-9_]*)[\"']?(?:\s*:(?:\s+|$)|=)"
    r"(?P<value>.*)$"
)


def commented(lines: Sequence[str], key: Place) -> dict[str, CommentedOut]:
    """Return what is commented out in the block whose key ``environment:`` stands at ``key``.

    The block ends at the first line that is no comment and no deeper than the key.
    """
    found: dict[str, CommentedOut] = {}
    for number, line in _block(lines, key):
        match = _COMMENTED.match(line)
        if match and _belongs(match["lead"], key):
            name, value = match["name"], match["value"].strip().strip("\"'")
            template = shown(name, value) if "$" in value else None
            place = Place(key.file, number, match.start("name") + 1)
            found.setdefault(name, CommentedOut(name, place, template))
    return found


def _block(lines: Sequence[str], key: Place) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines[key.line :], key.line + 1):
        bare = line.strip()
        if bare and not bare.startswith("#") and len(line) - len(line.lstrip()) < key.column:
            return
        yield number, line


def _belongs(lead: str, key: Place) -> bool:
    """Whether a comment stands as deep as the block, or at the left edge with its text so deep."""
    hash_column = len(lead) - len(lead.lstrip()) + 1
    return hash_column >= key.column or (hash_column == 1 and len(lead) >= key.column)
