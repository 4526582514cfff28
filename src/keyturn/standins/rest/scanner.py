"""A cursor over one query parameter: names, quoted values, and where it stopped."""

from __future__ import annotations

from typing import Final

from keyturn.standins.rest.errors import RestError, unparsable

MAX_DEPTH: Final = 40
"""Nesting of embeddings or of and/or; deeper is refused before Python or PostgreSQL would."""
_NAME_EXTRA: Final = "_ $"


class Scanner:
    """Reads one text from left to right; every failure is a PGRST100 with its column."""

    __slots__ = ("at", "depth", "text", "what")

    def __init__(self, what: str, text: str) -> None:
        """``what`` names the parameter in error messages."""
        self.what = what
        self.text = text
        self.at = 0
        self.depth = 0

    def failure(self, details: str) -> RestError:
        """Return the error for the current position."""
        return unparsable(self.what, self.text, self.at + 1, details)

    def unexpected(self, expecting: str) -> RestError:
        """Return the error for a wrong character, saying what should stand there."""
        found = f'"{self.text[self.at]}"' if self.at < len(self.text) else "end of input"
        return self.failure(f"unexpected {found} expecting {expecting}")

    def peek(self) -> str:
        """Return the next character, empty at the end."""
        return self.text[self.at : self.at + 1]

    def done(self) -> bool:
        """Return whether everything was read."""
        return self.at >= len(self.text)

    def take(self, literal: str) -> bool:
        """Step over ``literal`` when it comes next."""
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        return False

    def expect(self, literal: str) -> None:
        """Step over ``literal`` or fail."""
        if not self.take(literal):
            raise self.unexpected(f'"{literal}"')

    def spaces(self) -> None:
        """Step over blanks."""
        while self.peek() in (" ", "\t"):
            self.at += 1

    def token(self, literal: str) -> bool:
        """Step over ``literal`` with blanks around it."""
        before = self.at
        self.spaces()
        if self.take(literal):
            self.spaces()
            return True
        self.at = before
        return False

    def until(self, stops: str) -> str:
        """Read up to, not including, the first character of ``stops``."""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in stops:
            self.at += 1
        return self.text[start : self.at]

    def rest(self) -> str:
        """Read everything that is left."""
        found = self.text[self.at :]
        self.at = len(self.text)
        return found

    def quoted(self) -> str:
        """Read a double-quoted value; a backslash takes the next character literally."""
        self.expect('"')
        letters: list[str] = []
        while True:
            letter = self.peek()
            if not letter:
                raise self.unexpected('"\\""')
            self.at += 1
            if letter == '"':
                return "".join(letters)
            if letter == "\\":
                letter = self.peek()
                if not letter:
                    raise self.unexpected("a character")
                self.at += 1
            letters.append(letter)

    def quoted_before(self, stops: str) -> str | None:
        """Read a quoted value if it reaches exactly to one of ``stops`` or the end."""
        if self.peek() != '"':
            return None
        before = self.at
        try:
            value = self.quoted()
        except RestError:
            self.at = before
            return None
        if self.done() or self.peek() in stops:
            return value
        self.at = before
        return None

    def name(self) -> str:
        """Read a field name: quoted, or letters, digits, ``_``, ``$``, blanks and inner dashes."""
        if self.peek() == '"':
            return self._checked(self.quoted())
        start = self.at
        while self.at < len(self.text) and self._in_name():
            self.at += 1
        found = self.text[start : self.at].strip()
        if not found:
            raise self.unexpected("field name (* or [a..z0..9_$])")
        return self._checked(found)

    def _in_name(self) -> bool:
        letter = self.text[self.at]
        if letter.isalnum() or letter in _NAME_EXTRA:
            return True
        return letter == "-" and not self.text.startswith("->", self.at)

    def _checked(self, found: str) -> str:
        if "\x00" in found or not found:
            raise self.failure("a name cannot be empty or hold a NUL character")
        return found

    def deeper(self) -> None:
        """Enter one level of nesting; fails when it gets absurd."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.failure(f"nested more than {MAX_DEPTH} levels deep")

    def higher(self) -> None:
        """Leave one level of nesting."""
        self.depth -= 1
