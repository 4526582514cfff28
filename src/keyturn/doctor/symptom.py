"""The words of the error lookup: one message that a service writes, what causes it, what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LONGEST_SLUG: Final = 60


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for a message."""

    because: str
    fix: str
    sources: tuple[str, ...] = ()
    """Where it is known from: ``supabase#42037``, ``auth#2403``, ``GoTrue 2.196 source``."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """A message, verbatim, with everything that leads to it; the likeliest cause stands first."""

    text: str
    by: str
    """Who writes it, with status and code where it has them."""
    means: str
    causes: tuple[Cause, ...]
    also: tuple[str, ...] = ()
    """Other verbatim forms of the same complaint."""
    generic: bool = False
    """It says little: shown only when nothing more exact is in the pasted text."""

    @property
    def slug(self) -> str:
        """Return the name of its page: lower case, words joined by hyphens."""
        words = re.sub(r"[^a-z0-9]+", "-", self.text.lower()).strip("-")
        return words if len(words) <= _LONGEST_SLUG else words[:_LONGEST_SLUG].rpartition("-")[0]

    @property
    def page(self) -> str:
        """Return its page, from the root of the repository."""
        return f"docs/errors/{self.slug}.md"

    def as_dict(self) -> dict[str, object]:
        """Return the row for JSON."""
        return {
            "message": self.text,
            "by": self.by,
            "means": self.means,
            "causes": [
                {"because": one.because, "fix": one.fix, "sources": list(one.sources)}
                for one in self.causes
            ],
            "docs": self.page,
        }
