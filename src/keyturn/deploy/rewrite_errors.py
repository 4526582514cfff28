"""The refusal of a rewriter: nothing was written, here is the place and what to do by hand."""

from __future__ import annotations

from keyturn.deploy.place import Place
from keyturn.errors import RefusedUnsafe


class CannotRewrite(RefusedUnsafe):
    """A file cannot be changed without risk to what else stands in it."""

    code = "cannot_rewrite"

    def __init__(self, place: Place, problem: str, *, hint: str) -> None:
        """``problem`` and ``hint`` are sentences without the values that stand there."""
        super().__init__(f"{place}: {problem}", hint=hint)
        self.place = place
