"""The shape of one row of the settings table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One variable: what it is called, how its text is read and where the value lands."""

    name: str
    reads: Callable[[str], object]
    default: str | None
    """Text used when the variable is unset or empty; None leaves the target's own default."""
    lands: tuple[str, ...]
    """``group.field`` of every dataclass field that receives the value."""
    meaning: str
    kind: str
    """The word for the type in the reference."""
    aliases: tuple[str, ...] = ()
    """Other names, tried in order when ``name`` is unset."""

    @property
    def secret(self) -> bool:
        """True when the value must not be shown; such a variable has a ``_FILE`` form too."""
        return self.kind == "secret"

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of this setting, the ``_FILE`` forms of a secret included."""
        plain = (self.name, *self.aliases)
        return (*plain, *(f"{name}_FILE" for name in plain)) if self.secret else plain


@dataclass(frozen=True)
class Idle:
    """Variables that GoTrue has and that change nothing here: named at start, never silent."""

    pattern: str
    """Regular expression of whole names, without the ``GOTRUE_`` prefix."""
    why: str
