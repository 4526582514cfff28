"""Everything that makes, reads or writes a key, in one place to import from."""

from __future__ import annotations

from keyturn.jose.jwk import (
    private_jwk,
    signing_key_from_jwk,
    thumbprint,
    verifying_key_from_jwk,
)
from keyturn.jose.key import SigningKey, VerifyingKey, generate, signing_key_from_secret
from keyturn.jose.pem import (
    base64_pem,
    private_pem,
    public_pem,
    signing_key_from_pem,
    verifying_key_from_pem,
)

__all__ = [
    "SigningKey",
    "VerifyingKey",
    "base64_pem",
    "generate",
    "private_jwk",
    "private_pem",
    "public_pem",
    "signing_key_from_jwk",
    "signing_key_from_pem",
    "signing_key_from_secret",
    "thumbprint",
    "verifying_key_from_jwk",
    "verifying_key_from_pem",
]
