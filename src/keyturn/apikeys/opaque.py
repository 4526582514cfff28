"""Opaque API keys, exactly as self-hosted Supabase makes them.

``prefix + R + "_" + C`` where R is the first 22 characters of base64url of 17 random bytes and C
the first 8 of base64url(SHA-256(ref + "|" + prefix + R)). The reference is the literal
``supabase-self-hosted`` (docker/utils/add-new-auth-keys.sh of 2026). The official gateways never
check C; we do, so that a mistyped or foreign key is told apart from a revoked one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from keyturn.errors import UsageError
from keyturn.secret import Secret

OpaqueKind = Literal["publishable", "secret"]

PROJECT_REF: Final = "supabase-self-hosted"
ENTROPY_BYTES: Final = 17
SHOWN: Final = 6
"""How many characters of the random part may be shown (hosted Supabase's own guidance)."""

PREFIXES: Final[Mapping[OpaqueKind, str]] = {
    "publishable": "sb_publishable_",
    "secret": "sb_secret_",
}
_FORM: Final = re.compile(r"(sb_publishable_|sb_secret_)([A-Za-z0-9_-]{22})_([A-Za-z0-9_-]{8})")


class MalformedApiKey(UsageError):
    """This is not an API key of the form sb_publishable_… or sb_secret_…."""

    code = "malformed_api_key"


class WrongChecksum(MalformedApiKey):
    """The API key's checksum is wrong: it was mistyped, cut, or made for another project."""

    code = "api_key_checksum"


@dataclass(frozen=True)
class Minted:
    """A new key: the text, shown once, and what is kept of it."""

    secret: Secret
    hash: bytes
    prefix: str


def mint(kind: OpaqueKind, entropy: bytes) -> Minted:
    """Make a key from exactly 17 random bytes; raises ``ValueError`` for any other number."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"an API key needs {ENTROPY_BYTES} random bytes, not {len(entropy)}")
    start = PREFIXES[kind] + urlsafe_b64encode(entropy).decode()[:22]
    text = f"{start}_{checksum(start)}"
    return Minted(Secret(text), digest(text), prefix(text))


def checksum(start: str) -> str:
    """Return the 8 characters that follow ``start`` (prefix and random part)."""
    raw = hashlib.sha256(f"{PROJECT_REF}|{start}".encode()).digest()
    return urlsafe_b64encode(raw).decode()[:8]


def parse(text: str) -> OpaqueKind:
    """Return the kind of a well-formed key whose checksum is right.

    Raises ``MalformedApiKey`` or ``WrongChecksum``; neither repeats the key.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise MalformedApiKey
    start = found[1] + found[2]
    if not hmac.compare_digest(checksum(start), found[3]):
        raise WrongChecksum(f"the checksum of {prefix(text)}… is wrong")
    return "publishable" if found[1] == PREFIXES["publishable"] else "secret"


def digest(text: str) -> bytes:
    """Return the SHA-256 of a key's text: what is stored, 32 bytes."""
    return hashlib.sha256(text.encode()).digest()


def fingerprint(text: str) -> str:
    """Return :func:`digest` in hex: what the gateway looks up."""
    return digest(text).hex()


def prefix(text: str) -> str:
    """Return the part that may be shown: the kind and six random characters."""
    for start in PREFIXES.values():
        if text.startswith(start):
            return text[: len(start) + SHOWN]
    return f"jwt_{fingerprint(text)[:SHOWN]}"
