"""The one function that verifies a P-256 signature, and who computes it.

OpenSSL, by way of ``cryptography``, is the default: it lets other threads run meanwhile. AWS-LC, by
way of the ``awscrt`` wheel (the extra ``keyturn[aws-lc]``), needs about a fifth less time for each
signature but holds the interpreter's lock: it suits processes that verify on one thread, such as
the workers of an ASGI server. The choice is the application's, once, before keys are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyturn.errors import UsageError

Check = Callable[[bytes, bytes], bool]
"""Whether the DER signature (first) of the message (second) is right; never raises."""
Bind = Callable[[ec.EllipticCurvePublicKey], Check]
PrimitiveName = Literal["openssl", "aws-lc"]
_ECDSA: Final = ec.ECDSA(SHA256())


def _openssl(key: ec.EllipticCurvePublicKey) -> Check:
    verify = key.verify

    def check(der: bytes, message: bytes) -> bool:
        try:
            verify(der, message, _ECDSA)
        except InvalidSignature:
            return False
        return True

    return check


def _aws_lc(key: ec.EllipticCurvePublicKey) -> Check:
    """Raises ``ImportError`` or ``AttributeError`` when the wheel is missing or too old."""
    engine: Any = import_module("awscrt.crypto")
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    verify: Callable[[bytes, bytes], bool] = engine.EC.new_key_from_der_data(spki).verify
    return lambda der, message: verify(sha256(message).digest(), der)


_ROWS: Mapping[PrimitiveName, Bind] = MappingProxyType({"openssl": _openssl, "aws-lc": _aws_lc})

# RFC 6979 A.2.5: P-256 with SHA-256 of "sample".
_KNOWN_POINT: Final = bytes.fromhex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
_KNOWN_DER: Final = bytes.fromhex(
    "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
)
_chosen: list[Bind] = [_openssl]


def bind(key: ec.EllipticCurvePublicKey) -> Check:
    """Return what verifies signatures of ``key`` with the chosen primitive."""
    return _chosen[0](key)


def use_primitive(name: PrimitiveName) -> None:
    """Verify ES256 with OpenSSL or with AWS-LC, for all keys that are read from now on.

    Raises ``UsageError`` when the name is unknown, or when the wheel is not there or does not give
    the answers that RFC 6979 prints; then nothing has changed.
    """
    row = _ROWS.get(name)
    if row is None:
        raise UsageError(f"the primitive is {name!r}, expected {' or '.join(_ROWS)}")
    if not _knows_the_answers(row):
        raise UsageError(
            f"{name} cannot be used: it is missing, or does not verify what RFC 6979 signed",
            hint="Install it with: pip install 'keyturn[aws-lc]'",
        )
    _chosen[0] = row


def _knows_the_answers(row: Bind) -> bool:
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _KNOWN_POINT)
    try:
        check = row(point)
        return check(_KNOWN_DER, b"sample") is True and check(_KNOWN_DER, b"other") is False
    except (ImportError, AttributeError, OSError, RuntimeError, ValueError):
        return False
