"""Password hashing as the flows see it: slow, off the event loop, and equal for everybody."""

from __future__ import annotations

from typing import Protocol


class PasswordHasher(Protocol):
    """Hashes and checks passwords without blocking the loop."""

    async def hash(self, password: str) -> str:
        """Return a bcrypt hash (``$2a$``, the configured cost); at most 72 bytes of UTF-8."""
        ...

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether ``password`` matches ``stored``.

        ``None``, an empty and an unreadable hash cost as much as a bcrypt comparison and never
        match, so that a caller learns nothing from the time taken.
        """
        ...

    def outdated(self, stored: str) -> bool:
        """Tell whether a good sign-in should rewrite ``stored`` (bcrypt above 10 or at 4)."""
        ...
