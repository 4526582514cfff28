"""Splicing text by position: everything that is not replaced stays byte for byte.

Texts are decoded with ``surrogateescape``, so even bytes that are no UTF-8 survive the round trip.
"""

from __future__ import annotations

from typing import Final

BOM: Final = "\ufeff"


def decode(content: bytes) -> str:
    """Return the text of a file; :func:`encode` gives the same bytes back."""
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes of a text that came from :func:`decode`."""
    return text.encode("utf-8", "surrogateescape")


def line_break(text: str) -> str:
    """Return the line ending that a new line must have: that of the first line."""
    end = text.find("\n")
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def line_start(text: str, index: int) -> int:
    """Return where the line of ``index`` begins."""
    return text.rfind("\n", 0, index) + 1


def line_end(text: str, index: int) -> int:
    """Return where the line of ``index`` ends: behind its line break, or the end of the text."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def line_number(text: str, index: int) -> int:
    """Return the number, from 1, of the line of ``index``."""
    return text.count("\n", 0, index) + 1


def splice(text: str, start: int, end: int, new: str) -> str:
    """Return ``text`` with ``[start, end)`` replaced by ``new``."""
    return text[:start] + new + text[end:]


def insert_line(text: str, at: int, line: str) -> str:
    """Insert ``line`` (without its break) at the line start ``at``, or behind the last line.

    A text that ends without a line break still does so afterwards.
    """
    end = line_break(text)
    if at == len(text) and text and not text.endswith("\n"):
        return text + end + line
    return splice(text, at, at, line + end)
