"""What kind of credential a text is, in the words of the matrix, without keeping the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from keyturn.apikeys.opaque import PREFIXES
from keyturn.doctor.credentials import Jwt, read_jwt
from keyturn.profiles.request import CredentialKind

OTHER: Final = "other"
_NO_WORD: Final = r"(?<![A-Za-z0-9_-])"
_TOKEN: Final = rf"{_NO_WORD}eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
_OPAQUE: Final = rf"{_NO_WORD}sb_(?:publishable|secret)_[A-Za-z0-9_-]{{6,}}"
_BEARER: Final = r"Bearer[\s'\"|\\]{1,16}"
"""Also as SQL puts it together: ``'Bearer ' || 'sb_…'``."""
_CREDENTIAL: Final = re.compile(rf"({_BEARER})?({_TOKEN}|{_OPAQUE})", re.IGNORECASE)


def kind_of(text: str) -> str:
    """Return the kind of an API key or token: ``anon legacy``, ``user ES256``, …, or ``other``.

    A token with ``sub`` is a user's; one with a role and no ``sub`` is an API key, legacy when it
    is HS256 and the gateway's own (``anon ES256``) otherwise.
    """
    if text.startswith(PREFIXES["publishable"]):
        return CredentialKind.PUBLISHABLE.value
    if text.startswith(PREFIXES["secret"]):
        return CredentialKind.SECRET.value
    token = read_jwt(text)
    return OTHER if token is None else _kind_of_token(token)


def carried(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each credential in a larger text: its kind, and whether ``Bearer`` stands before it."""
    for found in _CREDENTIAL.finditer(text):
        yield kind_of(found[2]), found[1] is not None


def in_words(kind: str, *, bearer: bool) -> str:
    """Return ``kind`` as a report speaks of it; an ``sb_`` key as Bearer is refused everywhere."""
    if kind in (CredentialKind.PUBLISHABLE, CredentialKind.SECRET):
        return f"sb_{kind} key{' as Bearer' if bearer else ''}"
    role, _, rest = kind.partition(" ")
    name = {"anon": "anon", "service": "service_role"}.get(role)
    if name and rest == "legacy":
        return f"legacy {name} key"
    return f"{rest} token of {name}" if name else f"{rest or 'unreadable'} token"


def _kind_of_token(token: Jwt) -> str:
    algorithm = token.alg if token.alg in _ALGORITHMS else "JWT"
    if isinstance(token.claims.get("sub"), str):
        return f"user {algorithm}"
    short = {"anon": "anon", "service_role": "service"}.get(token.role or "")
    if short is None:
        return f"{OTHER} {algorithm}"
    return f"{short} {'legacy' if algorithm == 'HS256' else algorithm}"


_ALGORITHMS: Final = frozenset(
    {"HS256", "HS384", "HS512", "ES256", "ES384", "ES512", "RS256", "RS512", "EdDSA"}
)
"""What a report may say; a token can name anything."""
