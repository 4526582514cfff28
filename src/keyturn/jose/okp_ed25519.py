"""EdDSA with Ed25519 (RFC 8037, RFC 8032); points of small order are refused when read.

A public key of small order makes one fixed signature valid for every message, and OpenSSL does
not check for it: whoever may publish a key could forge for anybody who accepts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwk_members import fixed_octets, text_of
from keyturn.jose.material import PemForm

WIDTH = 32
SIGNATURE_BYTES = 64
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# y of the two points of order 8 (up to sign of x); orders 1, 2 and 4 have y = 1, -1 and 0.
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})


@dataclass(frozen=True, slots=True)
class EdPublic:
    """An Ed25519 point: canonical, on the curve, not of small order."""

    key: Ed25519PublicKey = field(repr=False)

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether the 64-byte signature is right."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            self.key.verify(signature, signing_input)
        except InvalidSignature:
            return False
        return True

    def members(self) -> dict[str, str]:
        """Return ``crv`` and ``x``."""
        return {"crv": "Ed25519", "x": text_of(self.key.public_bytes_raw())}

    def pem(self) -> str:
        """Return SubjectPublicKeyInfo PEM."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat
        return self.key.public_bytes(encoding, form.SubjectPublicKeyInfo).decode("ascii")


@dataclass(frozen=True, slots=True, eq=False)
class EdPrivate:
    """An Ed25519 private key."""

    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, signing_input: bytes) -> bytes:
        """Return the 64-byte signature; Ed25519 is deterministic."""
        return self.key.sign(signing_input)

    def public(self) -> EdPublic:
        """Return the half that verifies."""
        return EdPublic(self.key.public_key())

    def members(self) -> dict[str, str]:
        """Return ``crv``, ``x`` and the private ``d``."""
        return {**self.public().members(), "d": text_of(self.key.private_bytes_raw())}

    def pem(self, form: PemForm) -> bytes:
        """Return PKCS#8 PEM, unencrypted; there is no other form (RFC 8410)."""
        if form != "pkcs8":
            raise InvalidKey(f"an Ed25519 key has no {form} form; use pkcs8")
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def check_point(encoded: bytes) -> None:
    """Raise :class:`InvalidKey` unless the 32 bytes are a usable point (RFC 8032 §5.1.3)."""
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= _P:
        raise InvalidKey('the Ed25519 point "x" is not canonical')
    if y in _SMALL_ORDER_Y:
        raise InvalidKey('the Ed25519 point "x" has small order; anybody could forge with it')
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise InvalidKey('the Ed25519 point "x" is not on the curve')


def generate() -> EdPrivate:
    """Return a fresh key from OpenSSL's generator."""
    return EdPrivate(Ed25519PrivateKey.generate())


def public_from_jwk(jwk: Mapping[str, object]) -> EdPublic:
    """Read ``x``; raises :class:`InvalidKey`."""
    encoded = fixed_octets(jwk, "x", WIDTH)
    check_point(encoded)
    return EdPublic(Ed25519PublicKey.from_public_bytes(encoded))


def private_from_jwk(jwk: Mapping[str, object]) -> EdPrivate:
    """Read ``d`` and ``x``; refuses a ``d`` that does not belong to ``x``."""
    claimed = public_from_jwk(jwk)
    private = Ed25519PrivateKey.from_private_bytes(fixed_octets(jwk, "d", WIDTH))
    if private.public_key() != claimed.key:
        raise InvalidKey('the private member "d" does not belong to the public "x"')
    return EdPrivate(private)


def public_from_native(key: object) -> EdPublic | None:
    """Adopt a key that ``cryptography`` has read, or return None when it is of another kind."""
    if not isinstance(key, Ed25519PublicKey):
        return None
    check_point(key.public_bytes_raw())
    return EdPublic(key)


def private_from_native(key: object) -> EdPrivate | None:
    """Adopt a key that ``cryptography`` has read, or return None when it is of another kind."""
    return EdPrivate(key) if isinstance(key, Ed25519PrivateKey) else None
