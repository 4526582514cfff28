"""HS256: HMAC with SHA-256 over a shared secret (RFC 7518 §3.2, §6.4).

Supabase's ``JWT_SECRET`` is the raw bytes of its text; a JWK carries the same bytes as ``k``.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keyturn.jose import jwk_members
from keyturn.jose.errors import InvalidKey
from keyturn.jose.material import PemForm
from keyturn.secret import Secret
from keyturn.secret_access import reveal

MIN_BYTES = 32
TAG_BYTES = 32
_NO_PUBLIC_HALF = "an HS256 key is one shared secret; it has no public form"


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """The one secret that both signs and verifies; its repr shows nothing."""

    secret: Secret = field(repr=False)

    def sign(self, signing_input: bytes) -> bytes:
        """Return the 32-byte tag."""
        return hmac.digest(reveal(self.secret), signing_input, "sha256")

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether the tag is right, compared in constant time."""
        return len(signature) == TAG_BYTES and hmac.compare_digest(
            self.sign(signing_input), signature
        )


@dataclass(frozen=True, slots=True)
class OctPublic(SharedSecret):
    """The verifying view of a shared secret: it refuses every public rendering."""

    def members(self) -> dict[str, str]:
        """Always raises :class:`InvalidKey`."""
        raise InvalidKey(_NO_PUBLIC_HALF)

    def pem(self) -> str:
        """Always raises :class:`InvalidKey`."""
        raise InvalidKey(_NO_PUBLIC_HALF)


@dataclass(frozen=True, slots=True)
class OctPrivate(SharedSecret):
    """The signing view of a shared secret."""

    def public(self) -> OctPublic:
        """Return the verifying view; it holds the same secret."""
        return OctPublic(self.secret)

    def members(self) -> dict[str, str]:
        """Return the secret member ``k``."""
        return {"k": jwk_members.text_of(reveal(self.secret))}

    def pem(self, form: PemForm) -> bytes:
        """Always raises :class:`InvalidKey`."""
        raise InvalidKey(f"an HS256 key has no PEM form ({form})")


def generate() -> OctPrivate:
    """Return a fresh 32-byte secret; a 256-bit AES key is 32 bytes of the system's randomness."""
    return OctPrivate(Secret(AESGCM.generate_key(bit_length=8 * MIN_BYTES)))


def from_secret(secret: Secret, *, allow_short: bool = False) -> OctPrivate:
    """Adopt ``secret``; raises :class:`InvalidKey` below 32 bytes unless ``allow_short``.

    Even with ``allow_short`` an empty secret is refused: anybody can sign with it.
    """
    if not secret or (len(secret) < MIN_BYTES and not allow_short):
        raise InvalidKey(
            f"the HS256 secret has {len(secret)} bytes, expected at least {MIN_BYTES}",
            hint="PostgREST refuses shorter secrets too; make a new one of 32 random bytes",
        )
    return OctPrivate(secret)


def private_from_jwk(jwk: Mapping[str, object]) -> OctPrivate:
    """Read ``k``; raises :class:`InvalidKey` when it is missing or under 32 bytes."""
    return from_secret(Secret(jwk_members.octets(jwk, "k")))


def public_from_jwk(jwk: Mapping[str, object]) -> OctPublic:
    """Read ``k`` for verifying; raises :class:`InvalidKey` as :func:`private_from_jwk` does."""
    return private_from_jwk(jwk).public()


def from_native(_key: object) -> None:
    """No key that ``cryptography`` reads from PEM is a shared secret (RFC 8725 §2.1)."""
