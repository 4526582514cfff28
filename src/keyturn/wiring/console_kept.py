"""What was made from a deployment's files, for as long as it would be made the same again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from keyturn.adapters.watched_files import WatchedSource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A result with what it was made from: files, the journal's length, and a time."""

    value: T
    files: WatchedSource
    lines: int
    """Records of the journal."""
    until: datetime
    """From then on it is made anew: facts that are no files may be others."""

    def fits(self, now: datetime, lines: int) -> bool:
        """Whether it still holds; reads the files."""
        return now < self.until and lines == self.lines and self.files.unchanged()
