"""Paragraphs for doctor's terminal reports: wrapped to the window, labelled, safe to print."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import Final

from keyturn.cli.output import paint
from keyturn.cli.token_view import printable

NARROWEST: Final = 60
WIDEST: Final = 100
USUAL: Final = 80
LABEL: Final = 7
SEPARATOR: Final = " · "


def width() -> int:
    """Return the columns to fill: the window's, within limits, or 80 when output is no terminal."""
    if not sys.stdout.isatty():
        return USUAL
    return max(NARROWEST, min(shutil.get_terminal_size((USUAL, 24)).columns, WIDEST))


def paragraph(text: str, indent: int = 0, *, hang: int = 0, columns: int | None = None) -> str:
    """Return ``text`` wrapped; lines after the first stand ``hang`` further to the right."""
    return textwrap.fill(
        printable(" ".join(text.split())),
        width=columns or width(),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )


def items(words: Iterable[str], indent: int = 0) -> str:
    """Return ``a · b · c`` wrapped between the items only."""
    lines = [""]
    for word in words:
        joined = f"{lines[-1]}{SEPARATOR}{word}" if lines[-1] else printable(word)
        if len(joined) + indent > width() and lines[-1]:
            lines.append(printable(word))
        else:
            lines[-1] = joined
    return "\n".join(" " * indent + line for line in lines)


def labelled(label: str, text: str, indent: int = 2, *, style: str = "dim") -> str:
    """Return ``text`` wrapped behind a dim label: ``fix    Uncomment the line …``."""
    body = paragraph(text, indent + LABEL)
    return " " * indent + paint(label.ljust(LABEL), style) + body[indent + LABEL :]


def heading(text: str) -> str:
    """Return a line that starts a part of the report."""
    return paint(text, "bold")


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return ``1 error`` or ``3 errors``."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"
