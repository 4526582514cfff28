"""Tokens, key sets that count their work, and a cache on a clock of our own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from keyturn.jose import jwt
from keyturn.jose.jwks import KeySet
from keyturn.jose.key import SigningKey, VerifyingKey, generate
from keyturn.jose.material import PublicMaterial
from keyturn.verify.policy import Policy
from keyturn.verify.token_cache import Revoked, TokenCache, TokenCachePolicy

NOON = 1_800_000_000
ISSUER = "https://api.example.com/auth/v1"
LIMITS = TokenCachePolicy()
POLICY = Policy(algorithms=frozenset({"HS256", "ES256"}), issuer=ISSUER, audience="authenticated")


def at(seconds: float) -> datetime:
    """The moment ``seconds`` after noon."""
    return datetime.fromtimestamp(NOON + seconds, UTC)


def make(key: SigningKey, **changes: object) -> str:
    """Return a token that is good for an hour from noon, with ``changes`` to its claims."""
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": "authenticated",
        "sub": "8b2f6f1e-2c7e-4f57-9d3d-0c1a2b3c4d5e",
        "exp": NOON + 3600,
        "iat": NOON,
        "role": "authenticated",
        "app_metadata": {"providers": ["email"]},
    }
    return jwt.encode({**claims, **changes}, key)


@dataclass
class Counting:
    """Key material that says how often it had to compute."""

    inner: PublicMaterial
    computed: int = field(default=0)

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Count, then ask the real material."""
        self.computed += 1
        return self.inner.verify(signing_input, signature)

    def members(self) -> dict[str, str]:
        """As the real material."""
        return self.inner.members()

    def pem(self) -> str:
        """As the real material."""
        return self.inner.pem()


@dataclass
class Desk:
    """A signing key, its set, and the count of signatures that were computed with it."""

    key: SigningKey
    material: Counting
    keys: KeySet

    def again(self) -> KeySet:
        """Return another set with the same key."""
        return KeySet([VerifyingKey(self.key.alg, self.key.kid, self.material)])


def new_desk(alg: str = "HS256", kid: str = "k1") -> Desk:
    """Return a desk with a fresh key."""
    key = generate(alg, kid=kid)
    material = Counting(key.verifying_key().material)
    return Desk(key, material, KeySet([VerifyingKey(alg, kid, material)]))


def new_cache(
    limits: TokenCachePolicy | None = LIMITS, *, revoked: Revoked | None = None
) -> TokenCache:
    """Return an empty cache."""
    return TokenCache(limits, lock=threading.Lock(), revoked=revoked)


def nothing_revoked(_claims: Mapping[str, object]) -> bool:
    """No token is revoked."""
    return False
