"""Both refresh-token formats of GoTrue (gotrue.md §3.1).

v1: 12 characters, looked up in the database as they are. v2: base64url without padding of version
byte ``0x00`` · 16 bytes session id · unsigned varint counter · first 16 bytes of HMAC-SHA256(
session key, everything before) · first 4 bytes of SHA-256(everything before).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from uuid import UUID

from keyturn.accounts.errors import refuse

KEY_BYTES = 32
V1_ENTROPY = 12
_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567" * 8
_TAG = 16
_CHECKSUM = 4
_HEAD = 17  # version and session id
_COUNTER_LIMIT = 1 << 63
_SHORTEST_V2 = 51
# Twelve characters today; GoTrue before 2023 wrote 22 of base64url, and such rows still refresh.
_V1 = re.compile(rf"[A-Za-z0-9_-]{{{V1_ENTROPY},{_SHORTEST_V2 - 1}}}")
_V2 = re.compile(rf"[A-Za-z0-9_-]{{{_SHORTEST_V2},80}}")


@dataclass(frozen=True, slots=True)
class SimpleToken:
    """A v1 token."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A v2 token whose checksum is right; only the session's key tells whether it is genuine."""

    session_id: str
    counter: int
    signed: bytes = field(repr=False)
    tag: bytes = field(repr=False)


def new_simple(entropy: bytes) -> str:
    """Return a v1 token of 12 random bytes: ``[a-z2-7]{12}``, five bits of each byte."""
    if len(entropy) != V1_ENTROPY:
        raise ValueError(f"a v1 token takes {V1_ENTROPY} bytes, not {len(entropy)}")
    return entropy.translate(_LETTERS).decode()


def new_key(entropy: bytes) -> str:
    """Return a session key of 32 random bytes as the column holds it."""
    if len(entropy) != KEY_BYTES:
        raise ValueError(f"a session key is {KEY_BYTES} bytes, not {len(entropy)}")
    return _b64url(entropy)


def signed_text(session_id: str, counter: int, key: str) -> str:
    """Return the v2 token of ``session_id`` at ``counter`` under the column value ``key``."""
    body = b"\0" + UUID(session_id).bytes + _varint(counter)
    body += hmac.digest(_unb64url(key), body, "sha256")[:_TAG]
    return _b64url(body + hashlib.sha256(body).digest()[:_CHECKSUM])


def parse(text: str) -> SimpleToken | SignedToken:
    """Recognise a refresh token, or raise ``refresh_malformed``."""
    if _V1.fullmatch(text):
        return SimpleToken(text)
    if not _V2.fullmatch(text):
        raise refuse("refresh_malformed")
    try:
        raw = _unb64url(text)
    except binascii.Error:
        raise refuse("refresh_malformed") from None
    return _parse_signed(raw)


def _parse_signed(raw: bytes) -> SignedToken:
    body, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    signed, tag = body[:-_TAG], body[-_TAG:]
    counter = _read_varint(signed[_HEAD:])
    genuine = hashlib.sha256(body).digest()[:_CHECKSUM] == checksum
    if not genuine or raw[0] != 0 or counter is None:
        raise refuse("refresh_malformed")
    return SignedToken(str(UUID(bytes=signed[1:_HEAD])), counter, signed, tag)


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _read_varint(octets: bytes) -> int | None:
    """Read a varint that fills ``octets`` exactly and fits a signed 64-bit column, else None."""
    number = 0
    for position, octet in enumerate(octets):
        number |= (octet & 0x7F) << 7 * position
        if octet < 0x80:
            whole = position == len(octets) - 1
            return number if whole and number < _COUNTER_LIMIT else None
    return None


def _b64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _unb64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
