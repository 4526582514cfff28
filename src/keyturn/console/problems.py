"""Errors as HTTP statuses, for pages and API alike: one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keyturn.accounts.errors import AuthError
from keyturn.apikeys.errors import UnknownApiKey
from keyturn.console.errors import (
    BadLink,
    BadPassword,
    BadRequest,
    ForgedRequest,
    NotFound,
    NotSignedIn,
    ReadOnly,
    TooLarge,
    TooManyAttempts,
    TooManyStreams,
)
from keyturn.deploy.place import Unreadable
from keyturn.doctor.why import NotACredential
from keyturn.errors import (
    Conflict,
    KeyturnError,
    RefusedUnsafe,
    Unreachable,
    UsageError,
    WaitNotOver,
)
from keyturn.jose.errors import JoseError
from keyturn.keyring.errors import UnknownKey

# The first class that fits decides, so a subclass stands before its parent.
_STATUSES: Final[Sequence[tuple[type[KeyturnError], int]]] = (
    (NotSignedIn, 401),
    (BadLink, 403),
    (BadPassword, 403),
    (ForgedRequest, 403),
    (ReadOnly, 403),
    (NotFound, 404),
    (UnknownKey, 404),
    (UnknownApiKey, 404),
    (TooLarge, 413),
    (TooManyAttempts, 429),
    (TooManyStreams, 503),
    (Conflict, 409),
    (RefusedUnsafe, 409),
    (Unreachable, 503),
    (BadRequest, 400),
    (UsageError, 400),
    (JoseError, 400),
    (NotACredential, 400),
    (Unreadable, 422),
)


def status_of(error: KeyturnError) -> int:
    """Return the HTTP status of ``error``; what is in no row is a fault on this side."""
    if isinstance(error, AuthError):
        return error.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def as_json(error: KeyturnError) -> dict[str, object]:
    """Return ``{message, code, hint, docs}``; a wait adds ``until`` in Unix seconds.

    Management API clients read ``message``; the rest is what every surface of Keyturn says.
    """
    shape: dict[str, object] = dict(error.as_dict())
    if isinstance(error, WaitNotOver):
        shape["until"] = error.until_unix
    return shape


def extra_headers(error: KeyturnError) -> dict[str, str]:
    """Return the headers that go with ``error``."""
    if isinstance(error, TooManyAttempts):
        return {"retry-after": str(error.seconds)}
    return {}
