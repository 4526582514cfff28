"""Public keys that look whole and are worthless: refused when read, in JWK and in PEM."""

from __future__ import annotations

import base64
from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from keyturn.jose import base64url, roca
from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import (
    signing_key_from_pem,
    verifying_key_from_jwk,
    verifying_key_from_pem,
)

PRIME = 2**255 - 19
ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826


def encodings_of_small_order() -> list[bytes]:
    """Every 32-byte string that decodes to a point of order 1, 2, 4 or 8, sign bit included."""
    ys = [0, 1, PRIME - 1, ORDER_8_Y, PRIME - ORDER_8_Y, PRIME, PRIME + 1]
    return [(y | sign << 255).to_bytes(32, "little") for y in ys for sign in (0, 1)]


@pytest.mark.parametrize("encoded", encodings_of_small_order(), ids=bytes.hex)
def test_an_ed25519_point_of_small_order_is_refused(encoded: bytes) -> None:
    x = base64url.encode(encoded).decode()
    with pytest.raises(InvalidKey):
        verifying_key_from_jwk({"kty": "OKP", "crv": "Ed25519", "x": x})


def test_the_known_universal_forgery_is_refused_in_pem_too() -> None:
    """OpenSSL takes the identity point; with it, R = identity and S = 0 signs anything."""
    identity = Ed25519PublicKey.from_public_bytes(b"\x01" + bytes(31))
    identity.verify(b"\x01" + bytes(63), b"whatever was never signed")
    pem = identity.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidKey, match="small order"):
        verifying_key_from_pem(pem, "EdDSA", kid="k")


@pytest.mark.parametrize("y", [2, 7, PRIME - 2, PRIME + 2, 2**255 - 1])
def test_an_ed25519_point_off_the_curve_or_not_canonical_is_refused(y: int) -> None:
    x = base64url.encode(y.to_bytes(32, "little")).decode()
    with pytest.raises(InvalidKey):
        verifying_key_from_jwk({"kty": "OKP", "crv": "Ed25519", "x": x})


@pytest.mark.parametrize("bits", [1024, 2047, 8193])
def test_an_rsa_modulus_of_another_size_is_refused(bits: int) -> None:
    modulus = (1 << (bits - 1)) | 1
    n = base64url.encode(modulus.to_bytes((bits + 7) // 8, "big")).decode()
    with pytest.raises(InvalidKey, match=f"{bits} bits, expected 2048 to 8192"):
        verifying_key_from_jwk({"kty": "RSA", "n": n, "e": "AQAB"})


def test_a_small_rsa_key_is_refused_in_pem_too() -> None:
    small = rsa.generate_private_key(65537, 1024)
    pem = small.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidKey, match="1024 bits"):
        verifying_key_from_pem(pem, None, kid="k")
    private = small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(InvalidKey, match="1024 bits"):
        signing_key_from_pem(private, "RS256", kid="k")


def test_an_even_modulus_is_refused() -> None:
    n = base64url.encode((1 << 2047).to_bytes(256, "big")).decode()
    with pytest.raises(InvalidKey, match="even"):
        verifying_key_from_jwk({"kty": "RSA", "n": n, "e": "AQAB"})


def test_a_modulus_made_as_the_vulnerable_chips_made_it_is_refused() -> None:
    """N = k·M + (65537^a mod M), with M the product of the first primes."""
    primes = [n for n in range(2, 702) if all(n % d for d in range(2, int(n**0.5) + 1))]
    primorial = prod(primes)
    modulus = ((1 << 2047) // primorial + 1) * primorial + pow(65537, 123_457, primorial)
    assert modulus.bit_length() == 2048
    assert roca.is_fingerprinted(modulus)
    n = base64url.encode(modulus.to_bytes(256, "big")).decode()
    with pytest.raises(InvalidKey, match="ROCA"):
        verifying_key_from_jwk({"kty": "RSA", "n": n, "e": "AQAB"})


def test_honest_moduli_are_not_mistaken_for_it() -> None:
    for _ in range(3):
        modulus = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
        assert not roca.is_fingerprinted(modulus)


def test_pem_of_another_curve_is_refused() -> None:
    pem = generate_private_key(SECP384R1()).public_key()
    text = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for alg in ("ES256", None):
        with pytest.raises(InvalidKey, match="another kind"):
            verifying_key_from_pem(text, alg, kid="k")


def test_a_pem_point_off_the_curve_is_refused() -> None:
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    body = base64.encodebytes(head + b"\x01" * 64).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"
    with pytest.raises(InvalidKey):
        verifying_key_from_pem(pem, "ES256", kid="k")
