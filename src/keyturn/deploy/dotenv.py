"""Compose's own reading of env files (compose-go ``dotenv``), with the place of every definition.

It is not python-dotenv's, nor the shell's: docs/reference/compose-reading.md lists how they differ.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from keyturn.deploy.interpolation import InvalidTemplate, Lookup, Substituted, substitute
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.setting import CommentedOut

# Go's unicode.IsSpace; Python's str.isspace also takes \x1c to \x1f.
_SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_BLANKS = "\t\v\f\r \x85\xa0"
"""White space within a line."""
_EXPORT = re.compile(r"export[\t\n\f\r ]+")
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0\d{0,3})')
_ESCAPED = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    # The interpolation that follows reads two dollars as one.
    "$": "$$",
}
_COMMENTED = re.compile(
    r"(?m)^[ \t]*#[# \t]*(?:export[ \t]+)?([A-Z_][A-Z0-9_]*)[ \t]*[=:](?![=:/])(.*)$"
)


@dataclass(frozen=True, slots=True)
class Definition:
    """One ``NAME=value`` of an env file."""

    name: str
    place: Place
    value: str = field(repr=False)
    found: Substituted | None = None
    """How its value was interpolated; None where it is taken as it stands, or inherited."""


class _Parser:
    def __init__(self, file: str, text: str, outer: Lookup, earlier: Mapping[str, str]) -> None:
        self.file = file
        self.text = text
        self.outer = outer
        self.at = 0
        self.values = dict(earlier)

    def place(self, offset: int | None = None) -> Place:
        offset = self.at if offset is None else offset
        line = self.text.count("\n", 0, offset) + 1
        return Place(self.file, line, offset - (self.text.rfind("\n", 0, offset) + 1) + 1)

    def refused(self, problem: str, offset: int | None = None) -> Unreadable:
        return Unreadable(
            self.place(offset), problem, hint="Compose refuses the whole file because of it."
        )

    def lookup(self, name: str) -> str | None:
        value = self.outer(name)
        return self.values.get(name) if value is None else value

    def definitions(self) -> Iterator[Definition]:
        while self._next_statement():
            defined = self._statement()
            if defined is not None:
                self.values[defined.name] = defined.value
                yield defined

    def _skip(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1

    def _next_statement(self) -> bool:
        self._skip(_SPACES)
        while self.text.startswith("#", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            self._skip(_SPACES)
        return self.at < len(self.text)

    def _statement(self) -> Definition | None:
        exported = _EXPORT.match(self.text, self.at)
        if exported:
            self.at += len("export")
            self._skip(_BLANKS)
        start = self.at
        if start == len(self.text):
            raise self.refused("after export a name must follow", start)
        end, ender = self._end_of_name()
        name = self.text[start:end].rstrip(_SPACES) if ender else ""
        if " " in name:
            raise self.refused("the name of a variable contains a space", start)
        self.at = end + len(ender) if ender else start
        self._skip(_BLANKS)
        if ender == "\n":
            inherited = self.outer(name)
            return None if inherited is None else Definition(name, self.place(start), inherited)
        return self._valued(name, start)

    def _valued(self, name: str, start: int) -> Definition:
        try:
            value, found = self._value()
        except InvalidTemplate as error:
            raise self.refused(f"{error}", start) from None
        return Definition(name, self.place(start), value, found)

    def _end_of_name(self) -> tuple[int, str]:
        """Return where the name ends and the character that ends it; none at the end of file."""
        for index in range(self.at, len(self.text)):
            character = self.text[index]
            if character in "=:\n":
                return index, character
            if character in _BLANKS or character in "_.-[]" or _is_name(character):
                continue
            raise self.refused("this character cannot stand in the name of a variable", index)
        return len(self.text), ""

    def _value(self) -> tuple[str, Substituted | None]:
        quote = self.text[self.at : self.at + 1]
        if quote in ("'", '"') and quote:
            return self._quoted(quote)
        end = self.text.find("\n", self.at)
        line = self.text[self.at :] if end < 0 else self.text[self.at : end]
        self.at = len(self.text) if end < 0 else end + 1
        found = substitute(line.partition(" #")[0].rstrip(_SPACES), self.lookup)
        return found.text, found

    def _quoted(self, quote: str) -> tuple[str, Substituted | None]:
        start = self.at
        characters: list[str] = []
        index = start + 1
        while index < len(self.text):
            character = self.text[index]
            following = self.text[index + 1 : index + 2]
            if character == quote:
                self.at = index + 1
                return self._unquoted("".join(characters), quote)
            if character == "\\" and following:
                # The quote loses its backslash here, the other escapes are for later.
                characters.append(following if following == quote else character + following)
                index += 1
            elif character != "\\":
                characters.append(character)
            index += 1
        raise self.refused("the quote that opens here is never closed", start)

    def _unquoted(self, text: str, quote: str) -> tuple[str, Substituted | None]:
        if quote == "'":
            return text, None
        found = substitute(_ESCAPE.sub(_unescaped, text), self.lookup)
        return found.text, found


def _is_name(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _unescaped(match: re.Match[str]) -> str:
    escape = match.group()[1:]
    if not escape.startswith("0"):
        return _ESCAPED.get(escape, match.group())
    # Three octal digits up to 0377 are a character; otherwise only the zero is lost.
    digits = escape[1:]
    octal = len(digits) == 3 and all(digit in "01234567" for digit in digits)
    return chr(int(digits, 8)) if octal and int(digits, 8) < 256 else f"\\{digits}"


def parse(
    file: str, text: str, outer: Lookup, earlier: Mapping[str, str] | None = None
) -> tuple[Definition, ...]:
    """Return the definitions of one env file in order, duplicates included.

    In interpolations ``outer`` outranks the file's own names, and those outrank what ``earlier``
    files defined. Raises :class:`Unreadable` where Compose refuses the file.
    """
    return tuple(_Parser(file, text.removeprefix("\ufeff"), outer, earlier or {}).definitions())


def raw(file: str, text: str) -> tuple[Definition, ...]:
    """Return the definitions of an ``env_file`` with ``format: raw``: nothing is interpreted."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if equals:
            found.append(Definition(name.strip(), Place(file, number), value))
    return tuple(found)


def commented(file: str, text: str) -> dict[str, CommentedOut]:
    """Return what stands behind a ``#`` and would define a variable: ``#JWT_KEYS=…``."""
    found: dict[str, CommentedOut] = {}
    for match in _COMMENTED.finditer(text):
        line = text.count("\n", 0, match.start(1)) + 1
        column = match.start(1) - (text.rfind("\n", 0, match.start(1)) + 1) + 1
        found.setdefault(match[1], CommentedOut(match[1], Place(file, line, column), None))
    return found
