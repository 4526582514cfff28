"""Where each definition of a ``.env`` stands: the grammar of compose-go's dotenv, with positions.

Only places come from here. What a value *means* is the reader's business, and every rewrite is
read back by the reader before anybody sees it. Source: compose-go ``dotenv/parser.go`` (v2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.place import Place
from keyturn.deploy.rewrite_errors import CannotRewrite
from keyturn.deploy.rewrite_text import BOM, line_end, line_number

_SPACE: Final = " \t\v\f\r\x85\xa0"
_EXPORT: Final = re.compile(r"export\s+")


@dataclass(frozen=True, slots=True)
class Definition:
    """One ``NAME=value``; positions are indices into the text."""

    name: str
    start: int
    """Of ``export`` or the name."""
    name_end: int
    value_start: int
    """Of the opening quote or the first character; ``value_start == value_end``: empty."""
    value_end: int
    inherited: bool = False
    """A bare name without ``=``: the value comes from the environment."""


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, from its ``#`` to the end of the line (exclusive)."""

    start: int
    end: int


def scan(text: str, file: str) -> tuple[list[Definition], list[Comment]]:
    """Return all definitions and all comments that stand between them, in order.

    Raises :class:`CannotRewrite` where Compose would refuse the whole file.
    """
    definitions: list[Definition] = []
    comments: list[Comment] = []
    at = len(BOM) if text.startswith(BOM) else 0
    while (at := _skip_space(text, at)) < len(text):
        if text[at] == "#":
            end = _without_break(text, at)
            comments.append(Comment(at, end))
            at = end
            continue
        found, at = _definition(text, at, file)
        definitions.append(found)
    return definitions, comments


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _without_break(text: str, at: int) -> int:
    end = line_end(text, at)
    return end - len(text[at:end]) + len(text[at:end].rstrip("\r\n"))


def _definition(text: str, start: int, file: str) -> tuple[Definition, int]:
    export = _EXPORT.match(text, start)
    name_start = export.end() if export else start
    at = name_start
    while at < len(text) and text[at] not in "=:\n":
        if not (text[at] in _SPACE or text[at] in "_.-[]" or text[at].isalnum()):
            raise _refusal(text, at, file, "this is not a name that Compose accepts")
        at += 1
    name = text[name_start:at].rstrip()
    if at == len(text) or text[at] == "\n":
        end = name_start + len(name)
        return Definition(name, start, end, end, end, inherited=True), at
    value_start = at + 1
    while value_start < len(text) and text[value_start] in _SPACE:
        value_start += 1
    if text.startswith("\r\n", value_start - 1):
        # White space to Compose; here the first half of the line's end, which an empty value keeps.
        value_start -= 1
    is_quoted = text[value_start : value_start + 1] in ("'", '"') and value_start < len(text)
    end = _closing_quote(text, value_start, file) if is_quoted else _unquoted_end(text, value_start)
    behind = end if is_quoted else line_end(text, end)
    return Definition(name, start, name_start + len(name), value_start, end), behind


def _unquoted_end(text: str, start: int) -> int:
    line = text[start : line_end(text, start)]
    return start + len(line.split(" #", 1)[0].rstrip())


def _closing_quote(text: str, start: int, file: str) -> int:
    quote, at = text[start], start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == quote:
            return at + 1
        at += 1
    raise _refusal(text, start, file, "this quoted value is never closed")


def _refusal(text: str, at: int, file: str, problem: str) -> CannotRewrite:
    return CannotRewrite(
        Place(file, line_number(text, at)),
        f"{problem}, so Compose refuses the whole file.",
        hint="Correct that line first; `keyturn doctor` shows it.",
    )
