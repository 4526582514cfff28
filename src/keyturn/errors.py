"""The one root of every error that Keyturn raises on purpose.

An error says what was found, where, what was expected and what to do. Each class has a stable
``code``; its docstring is the default message (one sentence). Surfaces map codes to HTTP statuses
or exit codes; nothing below them knows about either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class KeyturnError(Exception):
    """Keyturn could not do what was asked."""

    code: ClassVar[str] = "error"
    default_hint: ClassVar[str | None] = None
    docs: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        """``message`` replaces the class docstring; neither may contain a secret."""
        doc = (type(self).__doc__ or "").strip().splitlines()
        self.message = message or (doc[0] if doc else self.code)
        self.hint = hint or self.default_hint
        super().__init__(self.message)

    def as_dict(self) -> dict[str, str | None]:
        """Return the ``{code, message, hint, docs}`` shape that every surface prints."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "docs": self.docs}


class UsageError(KeyturnError):
    """The command or request was not understood."""

    code = "usage"


class Conflict(KeyturnError):
    """Somebody else changed the same thing first; nothing was changed."""

    code = "conflict"


class Unreachable(KeyturnError):
    """Something that is needed could not be reached."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Detail:
    """One of several reasons, each with where it stands and what to do about it."""

    problem: str
    place: str | None = None
    """``docker-compose.yml:23``, or a step."""
    remedy: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """Return it for JSON."""
        return {"problem": self.problem, "place": self.place, "remedy": self.remedy}


class RefusedUnsafe(KeyturnError):
    """The step was refused because it is not safe."""

    code = "refused_unsafe"
    details: tuple[Detail, ...] = ()
    """Every reason, where there may be several; ``message`` then says them in one line."""


class WaitNotOver(RefusedUnsafe):
    """The step is safe only later."""

    code = "wait_not_over"

    def __init__(self, message: str, *, until_unix: int, hint: str | None = None) -> None:
        """``until_unix`` is the time, in Unix seconds, from which the step is safe."""
        super().__init__(message, hint=hint)
        self.until_unix = until_unix
