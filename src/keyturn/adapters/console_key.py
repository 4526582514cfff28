"""The console's signing secret: derived from the master key, so that nothing more is stored."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyturn.jose.keys import SigningKey, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal

_PURPOSE: Final = b"keyturn console v1"
KID: Final = "console"


def console_key(master: Secret) -> SigningKey:
    """Return the HS256 key of links and sessions: HKDF-SHA256 of ``master`` (RFC 5869)."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(reveal(master))
    return signing_key_from_secret(Secret(derived), kid=KID)
