"""The second way in: a password, beside the one-time link."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

ACTOR: Final = "password"
"""The name in the audit log of whoever signs in with it: it is one for all."""
EVERYBODY: Final = "everybody"
"""The limiter's name for all clients together; links are not bound by it."""


class Password(Protocol):
    """One password for the console, kept as a hash."""

    def is_set(self) -> bool:
        """Whether there is a password at all."""
        ...

    @property
    def turn(self) -> AbstractAsyncContextManager[Any]:
        """Held while an attempt is judged, so that a bound on failures cannot be outrun."""
        ...

    async def fits(self, given: str) -> bool:
        """Whether ``given`` is the password; False when none is set."""
        ...
