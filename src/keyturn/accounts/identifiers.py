"""E-mail addresses, phone numbers, ids and other text from clients: normalised or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping

from keyturn.accounts.errors import refuse

_EMAIL_LIMIT = 255
_DEPTH_LIMIT = 24
_NUMBER_LIMIT = 10**20
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*")
_E164 = re.compile(r"[1-9][0-9]{1,14}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def email_address(text: str) -> str:
    """Return ``text`` in lower case, or raise ``email_required``, ``_too_long`` or ``_invalid``.

    The grammar is the one GoTrue checks: HTML 5's, ASCII only.
    """
    if not text:
        raise refuse("email_required")
    if len(text) > _EMAIL_LIMIT:
        raise refuse("email_too_long")
    if not _EMAIL.fullmatch(text):
        raise refuse("email_invalid")
    return text.lower()


def phone_number(text: str) -> str:
    """Return an E.164 number without plus sign and spaces, or raise ``phone_invalid``."""
    digits = text.removeprefix("+").replace(" ", "")
    if not _E164.fullmatch(digits):
        raise refuse("phone_invalid")
    return digits


def uuid_text(text: object) -> str | None:
    """Return ``text`` as lower-case hyphenated UUID text, or None when it is none."""
    if isinstance(text, str) and _UUID.fullmatch(text):
        return text.lower()
    return None


def uuid4_text(text: str) -> str:
    """Return ``text`` as UUID v4 text, or raise ``admin_id_not_uuid4``."""
    lower = text.lower()
    if not _UUID4.fullmatch(lower):
        raise refuse("admin_id_not_uuid4")
    return lower


def uuid4_from(entropy: bytes) -> str:
    """Make a version 4 UUID (RFC 9562 §5.4) of 16 random bytes."""
    octets = bytearray(entropy)
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def storable(value: str) -> bool:
    """Tell whether PostgreSQL can hold ``value``: no NUL, no lone surrogate."""
    if value.isascii():
        return "\0" not in value
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def require_storable(*values: str) -> None:
    """Raise ``text_not_storable`` unless every one of ``values`` can be stored."""
    if not all(storable(value) for value in values):
        raise refuse("text_not_storable")


def require_storable_json(value: object, depth: int = 0) -> None:
    """Raise ``text_not_storable`` when jsonb or a token cannot carry JSON ``value``.

    Limits: no NUL and no lone surrogate, numbers below 10^20 (jsonb writes 1e300 as 301 digits,
    which careful verifiers refuse), and 24 levels, for the same reason.
    """
    if depth > _DEPTH_LIMIT:
        raise refuse("text_not_storable", f"JSON is nested deeper than {_DEPTH_LIMIT} levels")
    if isinstance(value, str):
        require_storable(value)
    elif isinstance(value, int | float):
        if not abs(value) < _NUMBER_LIMIT:
            raise refuse("text_not_storable", "A number in the JSON is too large")
    elif isinstance(value, Mapping):
        for key, member in value.items():
            require_storable(key)
            require_storable_json(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            require_storable_json(member, depth + 1)
