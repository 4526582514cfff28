"""A key: exactly one algorithm, at most one name, one piece of material.

A signing key keeps its private material out of ``repr``, comparison and hashing; the only ways to
get it out are the renderings in ``jwk`` and ``pem``, which return a :class:`Secret`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from keyturn.jose.algs import ALGORITHMS, algorithm
from keyturn.jose.errors import InvalidKey
from keyturn.jose.material import PrivateMaterial, PublicMaterial
from keyturn.jose.octets import from_secret
from keyturn.secret import Secret

MAX_KID_CHARS = 128
PUBLIC_MEMBERS = frozenset({"kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e"})
"""Every member that a published JWK may have; whatever is not listed cannot leave."""


def check_kid(kid: object) -> None:
    """Raise :class:`InvalidKey` unless ``kid`` is None or 1 to 128 printable characters."""
    if kid is None:
        return
    if not isinstance(kid, str) or not 1 <= len(kid) <= MAX_KID_CHARS or not kid.isprintable():
        raise InvalidKey(f'a "kid" must be text of 1 to {MAX_KID_CHARS} printable characters')


def _check_names(alg: str, kid: str | None) -> None:
    name = algorithm(alg).name
    if alg != name:
        raise InvalidKey(f'a key for "{alg}" has to call its algorithm "{name}"')
    check_kid(kid)


@dataclass(frozen=True)
class VerifyingKey:
    """The half that verifies; for HS256 it holds the shared secret and cannot be published.

    ``kid`` is None only for a key that verifies tokens that name no key (a legacy JWT_SECRET).
    """

    alg: str
    kid: str | None
    material: PublicMaterial = field(repr=False, hash=False)

    def __post_init__(self) -> None:
        _check_names(self.alg, self.kid)

    @property
    def is_symmetric(self) -> bool:
        """Whether whoever can verify with this key can also sign with it."""
        return ALGORITHMS[self.alg].symmetric

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's signature of ``signing_input``; never raises."""
        return self.material.verify(signing_input, signature)

    def public_jwk(self) -> dict[str, object]:
        """Return the public JWK, members as GoTrue publishes them; raises for HS256.

        Two fences: the material of a shared secret refuses, and only listed members pass.
        """
        material = self.material.members()
        if self.is_symmetric:
            raise InvalidKey("an HS256 key cannot be published")
        jwk: dict[str, object] = {"kty": ALGORITHMS[self.alg].kty}
        if self.kid is not None:
            jwk["kid"] = self.kid
        jwk |= {"use": "sig", "key_ops": ["verify"], "alg": self.alg, **material}
        return {name: member for name, member in jwk.items() if name in PUBLIC_MEMBERS}


@dataclass(frozen=True, eq=False)
class SigningKey:
    """The half that signs."""

    alg: str
    kid: str | None
    material: PrivateMaterial = field(repr=False)

    def __post_init__(self) -> None:
        _check_names(self.alg, self.kid)

    def sign(self, signing_input: bytes) -> bytes:
        """Return the raw JWS signature of ``signing_input``."""
        return self.material.sign(signing_input)

    def verifying_key(self) -> VerifyingKey:
        """Return the half that verifies, under the same name."""
        return VerifyingKey(self.alg, self.kid, self.material.public())


def generate(alg: str, *, kid: str | None) -> SigningKey:
    """Return a fresh key for ``alg``; raises :class:`InvalidKey` for an unknown algorithm.

    The randomness is OpenSSL's. Never give an HS256 key a ``kid`` computed from its secret.
    """
    row = algorithm(alg)
    return SigningKey(row.name, kid, row.generate())


def signing_key_from_secret(
    secret: Secret, *, kid: str | None, allow_short: bool = False
) -> SigningKey:
    """Return the HS256 key of ``secret`` (its raw bytes, as GoTrue uses JWT_SECRET).

    Refuses fewer than 32 bytes (RFC 7518 §3.2) unless ``allow_short``, which is for importing a
    deployment that already runs with one; an empty secret is always refused.
    """
    return SigningKey("HS256", kid, from_secret(secret, allow_short=allow_short))
