"""The algorithms, one row each; nothing else in Keyturn enumerates them.

``none`` is absent, and so is everything that Supabase's services do not share. Consumers pass the
row around and call its functions; they never branch on a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyturn.jose import ec_p256, octets, okp_ed25519, rsa_pkcs1
from keyturn.jose.errors import InvalidKey, shown
from keyturn.jose.material import PrivateMaterial, PublicMaterial

Jwk = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One JWS algorithm and everything that can be done with its keys.

    ``header_names`` are the spellings of ``alg`` that a token or a JWK may use for it: RFC 9864
    names Ed25519 what RFC 8037 calls EdDSA. ``name`` is the one that Keyturn writes.
    """

    name: str
    kty: str
    crv: str | None
    symmetric: bool
    header_names: frozenset[str]
    generate: Callable[[], PrivateMaterial]
    private_from_jwk: Callable[[Jwk], PrivateMaterial]
    public_from_jwk: Callable[[Jwk], PublicMaterial]
    private_from_native: Callable[[object], PrivateMaterial | None]
    public_from_native: Callable[[object], PublicMaterial | None]

    def __repr__(self) -> str:
        return f"Algorithm({self.name})"


_ROWS = (
    Algorithm(
        name="ES256",
        kty="EC",
        crv="P-256",
        symmetric=False,
        header_names=frozenset({"ES256"}),
        generate=ec_p256.generate,
        private_from_jwk=ec_p256.private_from_jwk,
        public_from_jwk=ec_p256.public_from_jwk,
        private_from_native=ec_p256.private_from_native,
        public_from_native=ec_p256.public_from_native,
    ),
    Algorithm(
        name="RS256",
        kty="RSA",
        crv=None,
        symmetric=False,
        header_names=frozenset({"RS256"}),
        generate=rsa_pkcs1.generate,
        private_from_jwk=rsa_pkcs1.private_from_jwk,
        public_from_jwk=rsa_pkcs1.public_from_jwk,
        private_from_native=rsa_pkcs1.private_from_native,
        public_from_native=rsa_pkcs1.public_from_native,
    ),
    Algorithm(
        name="EdDSA",
        kty="OKP",
        crv="Ed25519",
        symmetric=False,
        header_names=frozenset({"EdDSA", "Ed25519"}),
        generate=okp_ed25519.generate,
        private_from_jwk=okp_ed25519.private_from_jwk,
        public_from_jwk=okp_ed25519.public_from_jwk,
        private_from_native=okp_ed25519.private_from_native,
        public_from_native=okp_ed25519.public_from_native,
    ),
    Algorithm(
        name="HS256",
        kty="oct",
        crv=None,
        symmetric=True,
        header_names=frozenset({"HS256"}),
        generate=octets.generate,
        private_from_jwk=octets.private_from_jwk,
        public_from_jwk=octets.public_from_jwk,
        private_from_native=octets.from_native,
        public_from_native=octets.from_native,
    ),
)

ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType({row.name: row for row in _ROWS})
_BY_HEADER_NAME = {name: row for row in _ROWS for name in row.header_names}


def algorithm(name: str) -> Algorithm:
    """Return the row called ``name``; raises :class:`InvalidKey` listing the known names."""
    row = _BY_HEADER_NAME.get(name)
    if row is None:
        raise InvalidKey(f"the algorithm {shown(name)} is not one of {', '.join(ALGORITHMS)}")
    return row


def algorithm_of_jwk(jwk: Jwk) -> Algorithm:
    """Return the row of ``jwk`` by ``kty`` and ``crv``; a stated ``alg`` must be the row's.

    The algorithm never comes from a token (RFC 8725 §3.1).
    """
    row = next((row for row in _ROWS if row.kty == jwk.get("kty")), None)
    if row is None:
        raise InvalidKey(f'the JWK has "kty" {shown(jwk.get("kty"))}, expected EC, RSA, OKP or oct')
    if jwk.get("crv") != row.crv:
        raise InvalidKey(
            f'the {row.kty} key has "crv" {shown(jwk.get("crv"))}, expected {row.crv or "none"}'
        )
    stated = jwk.get("alg", row.name)
    if not isinstance(stated, str) or stated not in row.header_names:
        raise InvalidKey(f'the {row.kty} key has "alg" {shown(stated)}, expected {row.name}')
    return row
