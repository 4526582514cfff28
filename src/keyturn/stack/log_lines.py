"""How a part's output is shown on a terminal: a prefix per part, and nothing that acts on it."""

from __future__ import annotations

from typing import Final

PREFIX_WIDTH: Final = 8
_KEPT: Final = frozenset("\t")


def printable(line: str) -> str:
    """Return ``line`` without control characters: a client's bytes must not drive a terminal."""
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() or char in _KEPT else char.encode("unicode_escape").decode()
        for char in line
    )


def prefixed(name: str, line: str) -> str:
    """Return ``line`` behind the name of its part."""
    return f"{name:<{PREFIX_WIDTH}} | {printable(line)}"
