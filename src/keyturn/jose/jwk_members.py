"""Reading single members of a JWK strictly (RFC 7517 §4, RFC 7518 §6)."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.jose import base64url
from keyturn.jose.errors import InvalidKey

MAX_MEMBER_CHARS = 2048


def octets(jwk: Mapping[str, object], name: str) -> bytes:
    """Return the bytes of the base64url member ``name``; raises :class:`InvalidKey`."""
    text = jwk.get(name)
    if not isinstance(text, str) or not text:
        raise InvalidKey(f'the JWK has no text member "{name}"')
    if len(text) > MAX_MEMBER_CHARS:
        raise InvalidKey(f'the JWK member "{name}" is longer than {MAX_MEMBER_CHARS} characters')
    try:
        return base64url.decode(text.encode("ascii"))
    except ValueError:
        raise InvalidKey(f'the JWK member "{name}" is not unpadded base64url') from None


def fixed_octets(jwk: Mapping[str, object], name: str, length: int) -> bytes:
    """Return exactly ``length`` bytes of the member ``name``; raises :class:`InvalidKey`."""
    data = octets(jwk, name)
    if len(data) != length:
        raise InvalidKey(f'the JWK member "{name}" has {len(data)} bytes, expected {length}')
    return data


def unsigned(jwk: Mapping[str, object], name: str) -> int:
    """Return the Base64urlUInt member ``name`` (RFC 7518 §2: no leading zero octet)."""
    data = octets(jwk, name)
    if data[0] == 0:
        raise InvalidKey(f'the JWK member "{name}" starts with a zero byte')
    return int.from_bytes(data, "big")


def text_of(data: bytes) -> str:
    """Return ``data`` as the text of a JWK member."""
    return base64url.encode(data).decode("ascii")


def text_of_unsigned(number: int) -> str:
    """Return ``number`` as Base64urlUInt text (RFC 7518 §2)."""
    return text_of(number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))
