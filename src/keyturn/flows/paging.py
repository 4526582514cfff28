"""Pages of lists: how ``page`` and ``per_page`` are read, and what comes back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from keyturn.accounts.errors import refuse

_LARGEST_PAGE: Final = 1_000_000
_USUAL_SIZE: Final = 50
_LARGEST_SIZE: Final = 10_000
_LONGEST_NUMBER: Final = 18


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; numbers begin at 1."""

    number: int
    size: int

    @property
    def skip(self) -> int:
        """How many rows stand before it."""
        return (self.number - 1) * self.size

    def last(self, total: int) -> int:
        """Return the number of the last page, at least 1."""
        return max(1, math.ceil(total / self.size))


def read(page: str, per_page: str) -> Page:
    """Return the page that the query asks for; empty texts mean the first, and 50.

    Raises ``validation_failed`` for what is no number.
    """
    return Page(
        _whole("page", page, default=1, most=_LARGEST_PAGE),
        _whole("per_page", per_page, default=_USUAL_SIZE, most=_LARGEST_SIZE),
    )


def _whole(name: str, text: str, *, default: int, most: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        shown = text[:32].encode("ascii", "backslashreplace").decode()
        raise refuse(
            "validation_failed", f"Bad Pagination Parameters: {name} {shown!r} is not a number"
        )
    return min(int(text), most) or default
