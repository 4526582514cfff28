"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, one step of skew.

These are the only parameters that every authenticator app knows, and GoTrue's.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from typing import Final
from urllib.parse import quote

SECRET_BYTES: Final = 20
_PERIOD: Final = 30
_DIGITS: Final = 6
_SKEW: Final = 1


def new_secret(entropy: bytes) -> str:
    """Return a secret of 20 random bytes as base32 without padding, as the column holds it."""
    if len(entropy) != SECRET_BYTES:
        raise ValueError(f"a TOTP secret takes {SECRET_BYTES} bytes, not {len(entropy)}")
    return base64.b32encode(entropy).decode()


def code_at(secret: str, moment: datetime) -> str:
    """Return the code that ``secret`` (base32) gives at ``moment``; ``ValueError`` when broken."""
    return _code(_key(secret), _step(moment))


def matches(code: str, secret: str, now: datetime) -> bool:
    """Tell whether ``code`` is that of this, the previous or the next 30 seconds.

    Compared in constant time. Spaces around it do not count. An unreadable secret has no codes.
    """
    try:
        key = _key(secret)
    except ValueError:
        return False
    given, step = code.strip().encode(), _step(now)
    steps = range(step - _SKEW, step + _SKEW + 1)
    found = [hmac.compare_digest(given, _code(key, at).encode()) for at in steps]
    return any(found)


def uri(issuer: str, account: str, secret: str) -> str:
    """Return the ``otpauth://`` address that authenticator apps read from a QR code."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    fields = {
        "algorithm": "SHA1",
        "digits": str(_DIGITS),
        "issuer": issuer,
        "period": str(_PERIOD),
        "secret": secret,
    }
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())
    return f"otpauth://totp/{label}?{query}"


def _key(secret: str) -> bytes:
    plain = secret.strip().upper().rstrip("=")
    try:
        return base64.b32decode(plain + "=" * (-len(plain) % 8))
    except binascii.Error:
        raise ValueError("not base32") from None


def _step(moment: datetime) -> int:
    return int(moment.timestamp()) // _PERIOD


def _code(key: bytes, step: int) -> str:
    """RFC 4226 §5.3: dynamic truncation of the HMAC of the counter."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"
