"""A file that is rendered for people who do not let Keyturn change theirs."""

from __future__ import annotations

from dataclasses import dataclass, field

from keyturn.deploy.opened import text
from keyturn.errors import RefusedUnsafe
from keyturn.secret import Secret


class CannotRender(RefusedUnsafe):
    """The deployment cannot be said in this form without losing something."""

    code = "cannot_render"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file."""

    name: str
    """Under which it is written when several files are rendered."""
    content: Secret = field(repr=False)
    private: bool
    """Whether somebody who reads it holds a key that must not be known."""

    @property
    def text(self) -> str:
        """Return the content, for whoever reads it back."""
        return text(self.content) or ""


def rendered(name: str, content: str, *, private: bool) -> Rendered:
    """Return the file with this text."""
    return Rendered(name, Secret(content), private)
