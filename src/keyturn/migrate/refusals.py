"""Why a phase is refused: what stands where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from keyturn.deploy.place import Place
from keyturn.errors import Detail, RefusedUnsafe


class CannotMigrate(RefusedUnsafe):
    """The deployment cannot be taken to the next phase as it is."""

    code = "cannot_migrate"

    def __init__(
        self, problem: str, *, place: Place | None = None, hint: str | None = None
    ) -> None:
        """``problem`` is a sentence without the values that stand at ``place``."""
        super().__init__(f"{place}: {problem}" if place is not None else problem, hint=hint)
        self.place = place
        self.details = (Detail(problem, str(place) if place is not None else None, hint),)

    def listing(self, details: Sequence[Detail]) -> CannotMigrate:
        """Return this error with all of ``details``, also when they are more than one."""
        self.details = tuple(details)
        return self
