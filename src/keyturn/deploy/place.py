"""Where something stands in a user's files."""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.errors import KeyturnError


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One spot of one file; ``line`` and ``column`` count from 1.

    ``file`` is the path as the user would type it from the deployment's folder.
    """

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def as_dict(self) -> dict[str, str | int]:
        """Return the place for JSON."""
        return {"file": self.file, "line": self.line, "column": self.column}


class Unreadable(KeyturnError):
    """A file of the deployment cannot be read the way Compose or Kubernetes would read it."""

    code = "unreadable_deployment"

    def __init__(
        self, place: Place, problem: str, *, hint: str | None = None, whole: bool = False
    ) -> None:
        """``problem`` is a sentence without the values that stand there.

        ``whole``: it is the file's, and of no line in it.
        """
        where = "" if whole else f", line {place.line}, column {place.column}"
        super().__init__(f"{place.file}{where}: {problem}", hint=hint)
        self.place = place
        self.problem = problem
