"""Base64url without padding, canonical only (RFC 7515 §2, RFC 4648 §3.5 and §5).

Every byte string has exactly one accepted spelling: padding, white space, the standard alphabet's
``+`` and ``/``, and non-zero unused bits are all refused. Without that, one token has unlimited
aliases that slip past caches and revocation lists.
"""

from __future__ import annotations

from binascii import b2a_base64

import msgspec

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes(b"+/"[b"-_".index(c)] if c in b"-_" else c if c in _ALPHABET else 0x21
                  for c in range(256))  # fmt: skip
# Padding by length (mod 4), and the quote that ends the text for the decoder.
_END = (b'"', b"", b'=="', b'="')
# msgspec's decoder of base64 in JSON text takes half the time of binascii's. What reaches it holds
# neither quotes nor backslashes: the table has turned all that is not base64url into "!".
_standard = msgspec.json.Decoder(bytes)
# The last character of a segment of length 2 or 3 (mod 4) must leave its unused bits zero.
_LAST = (frozenset[int](), frozenset[int](), frozenset(_ALPHABET[::16]), frozenset(_ALPHABET[::4]))


def encode(data: bytes) -> bytes:
    """Return the one canonical spelling of ``data``, as ASCII bytes without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode(segment: bytes) -> bytes:
    """Return the bytes that ``segment`` spells; raises ``ValueError`` unless it is canonical."""
    rest = len(segment) % 4
    if rest and (rest == 1 or segment[-1] not in _LAST[rest]):
        raise ValueError("not canonical base64url")
    try:
        return _standard.decode(b'"' + segment.translate(_FROM_URL) + _END[rest])
    except msgspec.MsgspecError:
        raise ValueError("not base64url without padding") from None
