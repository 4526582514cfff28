"""The ``Prefer`` header (RFC 7240) as PostgREST reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from keyturn.standins.rest.errors import bad_preferences

# preference -> accepted values; the first one wins, as RFC 7240 §2 says
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "return": ("minimal", "headers-only", "representation"),
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "count": ("exact", "planned", "estimated"),
    "missing": ("default", "null"),
    "handling": ("strict", "lenient"),
}


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the caller prefers; an absent choice is an empty text."""

    chosen: Mapping[str, str] = field(default_factory=dict)
    max_affected: int | None = None

    def __getitem__(self, name: str) -> str:
        """Return the value of a preference, empty when it was not given."""
        return self.chosen.get(name, "")

    @property
    def strict(self) -> bool:
        """Whether ``handling=strict`` was asked for."""
        return self["handling"] == "strict"

    def applied(self, *names: str) -> str | None:
        """Return the ``Preference-Applied`` header for those of ``names`` that were given."""
        listed = [f"{name}={self.chosen[name]}" for name in names if name in self.chosen]
        if "handling" in self.chosen:
            listed.append(f"handling={self.chosen['handling']}")
        if self.max_affected is not None and self.strict:
            listed.append(f"max-affected={self.max_affected}")
        return ", ".join(listed) or None


NONE: Final = Preferences()


def parse_preferences(headers: Iterable[str]) -> Preferences:
    """Read all ``Prefer`` headers; raises PGRST122 for unknown ones under ``handling=strict``."""
    chosen: dict[str, str] = {}
    unknown: list[str] = []
    max_affected: int | None = None
    for raw in (part for header in headers for part in header.split(",")):
        name, _, value = (piece.strip() for piece in raw.partition("="))
        if value in _CHOICES.get(name, ()):
            chosen.setdefault(name, value)
        elif name == "max-affected" and value.isascii() and value.isdigit():
            max_affected = int(value[:18]) if max_affected is None else max_affected
        elif raw.strip():
            unknown.append(raw.strip())
    if chosen.get("handling") == "strict" and unknown:
        raise bad_preferences(unknown)
    return Preferences(chosen, max_affected)
