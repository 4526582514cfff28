"""What a change needs that nobody may be able to guess: made by the caller, handed to a phase.

Phases are pure; given the same fresh material they make the same plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from keyturn.apikeys import opaque
from keyturn.clock import unix
from keyturn.jose import base64url
from keyturn.jose.jwt import encode
from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.migrate.deployment_keys import named
from keyturn.secret import Secret

Randomness = Callable[[int], bytes]
"""Returns that many bytes from the operating system's generator."""

SECRET_BYTES: Final = 32
API_JWT_LIFE_SECONDS: Final = 5 * 365 * 24 * 3600
"""As ``utils/add-new-auth-keys.sh`` signs them; they are the gateway's, no client ever has one."""
HEALTH_TOKEN_LIFE_SECONDS: Final = 10 * 365 * 24 * 3600


@dataclass(frozen=True)
class Fresh:
    """New keys and new random values."""

    key: SigningKey
    """The one to sign next."""
    standby: SigningKey
    """The one after it: an emergency must not wait for a publication."""
    randomness: Randomness = field(repr=False)
    now: datetime

    def secret(self) -> Secret:
        """Return a new shared secret: 256 bits as 43 characters that need no quotes."""
        return Secret(base64url.encode(self.randomness(SECRET_BYTES)))

    def api_key(self, kind: opaque.OpaqueKind) -> Secret:
        """Return a new ``sb_…`` key."""
        return opaque.mint(kind, self.randomness(opaque.ENTROPY_BYTES)).secret


def fresh(
    randomness: Randomness, now: datetime, *, alg: str = "ES256", key: SigningKey | None = None
) -> Fresh:
    """Return fresh material; ``key`` is one that the user brings."""
    return Fresh(
        named(key or generate(alg, kid=None)), named(generate(alg, kid=None)), randomness, now
    )


def api_jwt(role: str, key: SigningKey, now: datetime) -> Secret:
    """Return the JWT that a gateway puts in place of an ``sb_`` key."""
    issued = unix(now)
    claims = {
        "role": role,
        "iss": "supabase",
        "iat": issued,
        "exp": issued + API_JWT_LIFE_SECONDS,
    }
    return Secret(encode(claims, key))


def health_token(secret: Secret, now: datetime) -> Secret:
    """Return the HS256 token for Realtime's healthcheck, which takes no other algorithm.

    Realtime (2.129.8, ``router.ex``) asks for the signature only; the role is the least there is.
    """
    issued = unix(now)
    claims = {
        "role": "anon",
        "iss": "supabase",
        "iat": issued,
        "exp": issued + HEALTH_TOKEN_LIFE_SECONDS,
    }
    return Secret(encode(claims, signing_key_from_secret(secret, kid=None)))
