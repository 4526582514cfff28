"""What the gateway must know right now: the accepted API keys and the internal bearers.

Decides when a new snapshot is due; renders nothing. API keys appear as SHA-256 hashes only.

Invariants: a bearer is never published with less than half of its life left; a key that was
revoked is absent from the next snapshot; two equal snapshots render to equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from keyturn.clock import unix

Role = Literal["anon", "service_role"]
Kind = Literal["publishable", "secret", "legacy"]

ROLES: Final[tuple[Role, ...]] = ("anon", "service_role")
SKEW: Final = timedelta(seconds=30)
"""``iat`` lies this far back, so that a verifier with a slow clock does not say "issued at
future" (PostgREST PGRST303)."""


@dataclass(frozen=True)
class AcceptedKey:
    """One API key that the gateway lets in; ``digest`` is its SHA-256 as 64 hex digits."""

    digest: str
    id: str
    role: Role
    kind: Kind


class Purpose(StrEnum):
    """What an internal bearer is for; the value is its prefix in the route metadata."""

    REQUEST = "bearer"
    SOCKET = "socket"


REQUEST_LIFE: Final = timedelta(minutes=10)
LONGEST_SOCKET_LIFE: Final = timedelta(hours=1)


def life(purpose: Purpose, token_life: timedelta) -> timedelta:
    """Return how long a bearer lives; ``token_life`` is the life of the users' access tokens.

    Realtime re-checks the token of an open socket, so a socket gets a bearer that lives as long as
    a user's token would: retirement of a key waits for those, hence for this one too.
    """
    if purpose is Purpose.REQUEST:
        return REQUEST_LIFE
    return max(REQUEST_LIFE, min(LONGEST_SOCKET_LIFE, token_life))


@dataclass(frozen=True)
class Bearers:
    """The internal tokens of one signing key; ``tokens`` maps ``purpose:role`` to a compact JWT."""

    kid: str
    issuer: str
    issued_at: datetime
    tokens: Mapping[str, str] = field(repr=False)

    def due_at(self) -> datetime:
        """Return the moment at which the shortest-lived of them is half over."""
        return self.issued_at + REQUEST_LIFE / 2


@dataclass(frozen=True)
class Snapshot:
    """Everything that is published to the gateway's routes at one moment."""

    keys: frozenset[AcceptedKey]
    bearers: Bearers


def internal_claims(
    role: Role, *, issuer: str, now: datetime, lives: timedelta
) -> dict[str, object]:
    """Claims of one internal bearer: ``iss``, ``role``, ``iat`` 30 s back, ``exp``."""
    return {
        "iss": issuer,
        "role": role,
        "iat": unix(now - SKEW),
        "exp": unix(now + lives),
    }


def still_fresh(bearers: Bearers | None, *, kid: str, issuer: str, now: datetime) -> bool:
    """Tell whether ``bearers`` may stay: same signing key and issuer, less than half their life."""
    return (
        bearers is not None
        and bearers.kid == kid
        and bearers.issuer == issuer
        and bearers.issued_at <= now < bearers.due_at()
    )
