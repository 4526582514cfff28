"""Password hashes between the hasher and their column, which may be encrypted (gotrue.md §5.1)."""

from __future__ import annotations

from keyturn.flows.plane import AuthPlane


async def hashed(plane: AuthPlane, user_id: str, password: str) -> str:
    """Return a new hash of ``password`` as the column of ``user_id`` holds it."""
    return plane.columns.seal(user_id, await plane.hasher.hash(password))


async def matches(plane: AuthPlane, user_id: str, given: str, stored: str | None) -> bool:
    """Compare in constant work; what cannot be opened never matches."""
    plain = plane.columns.open(user_id, stored) if stored else None
    return await plane.hasher.verify(given, plain)


async def renewed(plane: AuthPlane, user_id: str, password: str, stored: str) -> str | None:
    """Return what a good sign-in should write instead of ``stored``; None: it may stay."""
    plain = plane.columns.open(user_id, stored) or ""
    if plane.hasher.outdated(plain):
        return await hashed(plane, user_id, password)
    return plane.columns.seal(user_id, plain) if plane.columns.outdated(stored) else None
