"""Keys as PEM: SEC1, PKCS#1, PKCS#8 and SPKI, and the base64-of-PEM that env files carry."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from keyturn.jose.algs import ALGORITHMS, Algorithm, algorithm
from keyturn.jose.errors import InvalidKey
from keyturn.jose.key import SigningKey, VerifyingKey
from keyturn.jose.material import PemForm
from keyturn.secret import Secret
from keyturn.secret_access import reveal

MAX_PEM_BYTES = 32768
_ARMOUR = b"-----BEGIN "


def signing_key_from_pem(pem: Secret | bytes, alg: str | None, *, kid: str | None) -> SigningKey:
    """Read SEC1, PKCS#1 or PKCS#8, or base64 of one; ``alg`` None takes the key's own.

    Raises :class:`InvalidKey` for public or encrypted PEM, other kinds of key, another ``alg``.
    """
    raw = armoured(reveal(pem) if isinstance(pem, Secret) else pem)
    native = _load(lambda: load_pem_private_key(raw, None), "a private key")
    for row in _candidates(alg):
        material = row.private_from_native(native)
        if material is not None:
            return SigningKey(row.name, kid, material)
    raise _wrong_kind(alg)


def verifying_key_from_pem(pem: bytes | str, alg: str | None, *, kid: str | None) -> VerifyingKey:
    """Read SubjectPublicKeyInfo (or base64 of it); raises as :func:`signing_key_from_pem`."""
    raw = armoured(pem.encode() if isinstance(pem, str) else pem)
    native = _load(lambda: load_pem_public_key(raw), "a public key")
    for row in _candidates(alg):
        material = row.public_from_native(native)
        if material is not None:
            return VerifyingKey(row.name, kid, material)
    raise _wrong_kind(alg)


def private_pem(key: SigningKey, form: PemForm = "pkcs8") -> Secret:
    """Return unencrypted private PEM; raises :class:`InvalidKey` when the form does not exist."""
    return Secret(key.material.pem(form))


def public_pem(key: VerifyingKey) -> str:
    """Return SubjectPublicKeyInfo PEM; raises :class:`InvalidKey` for HS256."""
    return key.material.pem()


def base64_pem(pem: Secret) -> Secret:
    """Return ``pem`` as one line of base64, the form that fits in an env file."""
    return Secret(b64encode(reveal(pem)))


def armoured(raw: bytes) -> bytes:
    """Return PEM text, undoing one layer of base64 when there is no PEM armour yet.

    Raises :class:`InvalidKey` for what is neither, and for more than ``MAX_PEM_BYTES``.
    """
    if len(raw) > MAX_PEM_BYTES:
        raise InvalidKey(f"the PEM text has {len(raw)} bytes, expected at most {MAX_PEM_BYTES}")
    text = raw.strip()
    if text.startswith(_ARMOUR):
        return text
    try:
        decoded = b64decode(b"".join(text.split()), validate=True).strip()
    except ValueError:
        decoded = b""
    if not decoded.startswith(_ARMOUR):
        raise InvalidKey('the text is neither PEM ("-----BEGIN …") nor base64 of PEM')
    return decoded


def _load(load: Callable[[], object], wanted: str) -> object:
    try:
        return load()
    except TypeError:
        raise InvalidKey(
            "the PEM key is encrypted",
            hint="decrypt it first: (umask 077; openssl pkey -in FILE -out NEWFILE)",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey(f"the PEM text does not hold {wanted} that can be read") from None


def _candidates(alg: str | None) -> tuple[Algorithm, ...]:
    return tuple(ALGORITHMS.values()) if alg is None else (algorithm(alg),)


def _wrong_kind(alg: str | None) -> InvalidKey:
    wanted = alg or "ES256 (P-256), RS256 (RSA) or EdDSA (Ed25519)"
    return InvalidKey(f"the PEM key is of another kind than {wanted} needs")
