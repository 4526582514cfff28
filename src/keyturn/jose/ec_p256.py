"""ES256: ECDSA on P-256 with SHA-256 and raw ``r || s`` signatures (RFC 7518 §3.4, §6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from keyturn.jose import ec_primitive
from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwk_members import fixed_octets, text_of
from keyturn.jose.material import PemForm

WIDTH = 32
SIGNATURE_BYTES = 2 * WIDTH
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ECDSA = ec.ECDSA(SHA256())
_ZERO = bytes(WIDTH)
_ORDER = ORDER.to_bytes(WIDTH, "big")
# DER of two 32-byte integers (X.690 §8.3): a leading zero byte where the sign bit is set.
_DER_HEAD = (b"\x30\x44\x02\x20", b"\x30\x45\x02\x21\x00")
_DER_HEAD_LONG_S = (b"\x30\x45\x02\x20", b"\x30\x46\x02\x21\x00")
_DER_MIDDLE = (b"\x02\x20", b"\x02\x21\x00")
_FORMS = {
    "pkcs8": serialization.PrivateFormat.PKCS8,
    "sec1": serialization.PrivateFormat.TraditionalOpenSSL,
}


@dataclass(frozen=True, slots=True)
class EcPublic:
    """A point on P-256, checked to be on the curve when it was read."""

    key: ec.EllipticCurvePublicKey = field(repr=False)
    check: ec_primitive.Check = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "check", ec_primitive.bind(self.key))

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether the 64-byte ``r || s`` is right; range and length come before the curve."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        r, s = signature[:WIDTH], signature[WIDTH:]
        if not (_ZERO < r < _ORDER and _ZERO < s < _ORDER):  # big-endian: bytes order as numbers
            return False
        return self.check(_der(r, s), signing_input)

    def members(self) -> dict[str, str]:
        """Return ``crv``, ``x`` and ``y``, each coordinate 32 bytes wide."""
        point = self.key.public_numbers()
        return {
            "crv": "P-256",
            "x": text_of(point.x.to_bytes(WIDTH, "big")),
            "y": text_of(point.y.to_bytes(WIDTH, "big")),
        }

    def pem(self) -> str:
        """Return SubjectPublicKeyInfo PEM."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat
        return self.key.public_bytes(encoding, form.SubjectPublicKeyInfo).decode("ascii")


@dataclass(frozen=True, slots=True, eq=False)
class EcPrivate:
    """A P-256 private key."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def sign(self, signing_input: bytes) -> bytes:
        """Return ``r || s``, 64 bytes."""
        r, s = decode_dss_signature(self.key.sign(signing_input, _ECDSA))
        return r.to_bytes(WIDTH, "big") + s.to_bytes(WIDTH, "big")

    def public(self) -> EcPublic:
        """Return the half that verifies."""
        return EcPublic(self.key.public_key())

    def members(self) -> dict[str, str]:
        """Return ``crv``, ``x``, ``y`` and the private ``d``."""
        d = self.key.private_numbers().private_value
        return {**self.public().members(), "d": text_of(d.to_bytes(WIDTH, "big"))}

    def pem(self, form: PemForm) -> bytes:
        """Return PKCS#8 or SEC1 PEM, unencrypted."""
        if form not in _FORMS:
            raise InvalidKey(f"an EC key has no {form} form; use pkcs8 or sec1")
        return self.key.private_bytes(
            serialization.Encoding.PEM, _FORMS[form], serialization.NoEncryption()
        )


def _der(r: bytes, s: bytes) -> bytes:
    """Return the DER signature of two 32-byte numbers; the usual widths need no arithmetic."""
    if r[0] and s[0]:
        r_sign, s_sign = r[0] >> 7, s[0] >> 7
        head = _DER_HEAD_LONG_S if s_sign else _DER_HEAD
        return head[r_sign] + r + _DER_MIDDLE[s_sign] + s
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def generate() -> EcPrivate:
    """Return a fresh P-256 key from OpenSSL's generator."""
    return EcPrivate(ec.generate_private_key(ec.SECP256R1()))


def public_from_jwk(jwk: Mapping[str, object]) -> EcPublic:
    """Read ``x`` and ``y`` (exactly 32 bytes each, on the curve); raises :class:`InvalidKey`."""
    return EcPublic(_point(jwk))


def private_from_jwk(jwk: Mapping[str, object]) -> EcPrivate:
    """Read ``d``, ``x`` and ``y``; refuses a ``d`` that does not belong to the point."""
    claimed = _point(jwk)
    scalar = int.from_bytes(fixed_octets(jwk, "d", WIDTH), "big")
    if not 0 < scalar < ORDER:
        raise InvalidKey('the JWK member "d" is not a private key of P-256')
    private = ec.derive_private_key(scalar, ec.SECP256R1())
    if private.public_key() != claimed:
        raise InvalidKey('the private member "d" does not belong to the public point "x", "y"')
    return EcPrivate(private)


def public_from_native(key: object) -> EcPublic | None:
    """Adopt a key that ``cryptography`` has read, or return None when it is of another kind."""
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return EcPublic(key)
    return None


def private_from_native(key: object) -> EcPrivate | None:
    """Adopt a key that ``cryptography`` has read, or return None when it is of another kind."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return EcPrivate(key)
    return None


def _point(jwk: Mapping[str, object]) -> ec.EllipticCurvePublicKey:
    x, y = fixed_octets(jwk, "x", WIDTH), fixed_octets(jwk, "y", WIDTH)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    except ValueError:
        raise InvalidKey('"x" and "y" are not a point on P-256') from None
