"""What is wrong with a password: the policy, and whether it has been in a leak (gotrue.md §6.3)."""

from __future__ import annotations

from keyturn.accounts import passwords
from keyturn.accounts.errors import WeakPassword, refuse
from keyturn.errors import Unreachable
from keyturn.flows.plane import AuthPlane


async def weakness(
    plane: AuthPlane, password: str, *, must_know: bool = False
) -> WeakPassword | None:
    """Return everything that is wrong with ``password``, or None.

    When nobody can say whether it has leaked it passes, unless one ``must_know``: then
    ``password_check_failed`` (500) is raised.
    """
    weak = passwords.weakness(password, plane.settings)
    if plane.leaked is None:
        return weak
    try:
        leaked = await plane.leaked.known(password)
    except Unreachable as problem:
        if must_know:
            raise refuse("password_check_failed") from problem
        return weak
    return passwords.with_leak(weak) if leaked else weak


async def require_strong(plane: AuthPlane, password: str) -> None:
    """Raise what is wrong with a new ``password``, and ``password_check_failed`` (500)."""
    passwords.require_length(password)
    if weak := await weakness(plane, password, must_know=plane.settings.hibp_fail_closed):
        raise weak
