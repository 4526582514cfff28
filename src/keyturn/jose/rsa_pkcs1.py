"""RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3, §6.3), moduli of 2048 to 8192 bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from keyturn.jose import roca
from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwk_members import text_of_unsigned, unsigned
from keyturn.jose.material import PemForm

MIN_BITS = 2048
MAX_BITS = 8192  # verification cost grows with the square; larger moduli are a denial of service
MIN_EXPONENT = 65537
MAX_EXPONENT_BITS = 32
_PADDING = PKCS1v15()
_SHA256 = SHA256()
_CRT = ("p", "q", "dp", "dq", "qi")
_FORMS = {
    "pkcs8": serialization.PrivateFormat.PKCS8,
    "pkcs1": serialization.PrivateFormat.TraditionalOpenSSL,
}


@dataclass(frozen=True, slots=True)
class RsaPublic:
    """An RSA public key whose numbers passed :func:`check_numbers`."""

    key: rsa.RSAPublicKey = field(repr=False)
    signature_bytes: int

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether the signature is right; its length must be the modulus length."""
        if len(signature) != self.signature_bytes:
            return False
        try:
            self.key.verify(signature, signing_input, _PADDING, _SHA256)
        except InvalidSignature:
            return False
        return True

    def members(self) -> dict[str, str]:
        """Return ``n`` and ``e``."""
        numbers = self.key.public_numbers()
        return {"n": text_of_unsigned(numbers.n), "e": text_of_unsigned(numbers.e)}

    def pem(self) -> str:
        """Return SubjectPublicKeyInfo PEM."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat
        return self.key.public_bytes(encoding, form.SubjectPublicKeyInfo).decode("ascii")


@dataclass(frozen=True, slots=True, eq=False)
class RsaPrivate:
    """An RSA private key with its CRT numbers."""

    key: rsa.RSAPrivateKey = field(repr=False)

    def sign(self, signing_input: bytes) -> bytes:
        """Return a signature as long as the modulus."""
        return self.key.sign(signing_input, _PADDING, _SHA256)

    def public(self) -> RsaPublic:
        """Return the half that verifies."""
        return _adopt_public(self.key.public_key())

    def members(self) -> dict[str, str]:
        """Return ``n``, ``e`` and the private ``d``, ``p``, ``q``, ``dp``, ``dq``, ``qi``."""
        numbers = self.key.private_numbers()
        private = {
            "d": numbers.d,
            "p": numbers.p,
            "q": numbers.q,
            "dp": numbers.dmp1,
            "dq": numbers.dmq1,
            "qi": numbers.iqmp,
        }
        texts = {name: text_of_unsigned(number) for name, number in private.items()}
        return {**self.public().members(), **texts}

    def pem(self, form: PemForm) -> bytes:
        """Return PKCS#8 or PKCS#1 PEM, unencrypted."""
        if form not in _FORMS:
            raise InvalidKey(f"an RSA key has no {form} form; use pkcs8 or pkcs1")
        return self.key.private_bytes(
            serialization.Encoding.PEM, _FORMS[form], serialization.NoEncryption()
        )


def check_numbers(n: int, e: int) -> None:
    """Raise :class:`InvalidKey` unless ``n`` and ``e`` could be an honest RS256 public key."""
    bits = n.bit_length()
    if not MIN_BITS <= bits <= MAX_BITS:
        raise InvalidKey(f"the RSA modulus has {bits} bits, expected {MIN_BITS} to {MAX_BITS}")
    if n % 2 == 0:
        raise InvalidKey("the RSA modulus is even")
    if e < MIN_EXPONENT or e % 2 == 0 or e.bit_length() > MAX_EXPONENT_BITS:
        raise InvalidKey(
            f"the RSA exponent must be odd, at least {MIN_EXPONENT} and under 2^{MAX_EXPONENT_BITS}"
        )
    if roca.is_fingerprinted(n):
        raise InvalidKey(
            "the RSA modulus has the ROCA weakness (CVE-2017-15361)",
            hint="the private key can be computed from the public one; replace it everywhere",
        )


def generate() -> RsaPrivate:
    """Return a fresh 2048-bit key with exponent 65537."""
    return RsaPrivate(rsa.generate_private_key(MIN_EXPONENT, MIN_BITS))


def public_from_jwk(jwk: Mapping[str, object]) -> RsaPublic:
    """Read ``n`` and ``e``; raises :class:`InvalidKey`."""
    return _adopt_public(_public_numbers(jwk).public_key())


def private_from_jwk(jwk: Mapping[str, object]) -> RsaPrivate:
    """Read all private members; refuses multi-prime keys and numbers that do not fit together."""
    if "oth" in jwk:
        raise InvalidKey('RSA keys of more than two primes ("oth") are not supported')
    public = _public_numbers(jwk)
    d = unsigned(jwk, "d")
    p, q, dmp1, dmq1, iqmp = (unsigned(jwk, name) for name in _CRT)
    try:
        numbers = rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, public)
        return RsaPrivate(numbers.private_key())
    except ValueError:
        raise InvalidKey("the private RSA members do not belong to the public ones") from None


def public_from_native(key: object) -> RsaPublic | None:
    """Adopt a key that ``cryptography`` has read, or return None when it is of another kind."""
    return _adopt_public(key) if isinstance(key, rsa.RSAPublicKey) else None


def private_from_native(key: object) -> RsaPrivate | None:
    """Adopt a key that ``cryptography`` has read, or return None when it is of another kind."""
    if not isinstance(key, rsa.RSAPrivateKey):
        return None
    _adopt_public(key.public_key())
    return RsaPrivate(key)


def _adopt_public(key: rsa.RSAPublicKey) -> RsaPublic:
    numbers = key.public_numbers()
    check_numbers(numbers.n, numbers.e)
    return RsaPublic(key, (key.key_size + 7) // 8)


def _public_numbers(jwk: Mapping[str, object]) -> rsa.RSAPublicNumbers:
    n, e = unsigned(jwk, "n"), unsigned(jwk, "e")
    check_numbers(n, e)
    return rsa.RSAPublicNumbers(e, n)
