"""JSON objects read strictly (RFC 7515 §4, RFC 7519 §4, RFC 8725 §3.7).

Refused: anything but one UTF-8 object, duplicate member names at any depth, NaN and infinities,
numbers that no double or 64-bit reader can hold, NUL and lone surrogates (PostgreSQL text cannot
hold them), and nesting deeper than ``MAX_DEPTH``.

The fast path needs no hooks: when re-encoding what was read gives the same bytes, no member was
dropped, so none was duplicated. Everything else takes the slow, exact path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

import msgspec

MAX_DEPTH = 32
_MAX_DIGITS = 20  # 2**64 has 20 digits

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
# Digits become "0", opening brackets "{", the rest " ": a long run of digits is then one substring
# search, and the brackets that bound the depth are one count.
_SHAPE = bytes(
    0x30 if 0x30 <= byte <= 0x39 else 0x7B if byte in b"{[" else 0x20 for byte in range(256)
)
_LONG_RUN = b"0" * (_MAX_DIGITS + 1)


reread: Callable[[bytes], dict[str, object]] = _decoder.decode
"""Makes a fresh object of what :func:`lossless` returned; nothing else may come here."""


def loads(raw: bytes) -> dict[str, object]:
    """Return the object that ``raw`` spells; raises ``ValueError`` saying which rule it breaks."""
    try:
        value = _decoder.decode(raw)
    except (msgspec.MsgspecError, ValueError):
        raise ValueError("not well-formed UTF-8 JSON") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    shape = raw.translate(_SHAPE)
    if (
        _LONG_RUN not in shape
        and shape.count(b"{") <= MAX_DEPTH
        and (b"\\" not in raw or b"\\u0000" not in raw)
        and _encoder.encode(value) == raw
    ):
        return value
    return _exact(raw)


def dumps(value: object) -> bytes:
    """Return ``value`` as compact UTF-8 JSON, members in insertion order."""
    return _encoder.encode(value)


def lossless(value: Mapping[str, object]) -> bytes | None:
    """Return bytes from which :func:`reread` makes an equal object, or None when none would."""
    try:
        # Copied, because the encoder's own bytes keep up to half as much room behind their end.
        raw = bytes(memoryview(_encoder.encode(value)))
        return raw if _decoder.decode(raw) == value else None
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None


def _exact(raw: bytes) -> dict[str, object]:
    try:
        value = _exact_decoder.decode(raw.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    for depth, text in _walk(value):
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        if "\x00" in text:
            raise ValueError("a string holds a NUL character")
    checked: dict[str, object] = value
    return checked


def _walk(root: object) -> Iterator[tuple[int, str]]:
    """Yield each container (with its depth and no text) and each string; iterative on purpose."""
    pending: list[tuple[int, object]] = [(1, root)]
    while pending:
        depth, value = pending.pop()
        if isinstance(value, str):
            yield depth - 1, value
        elif isinstance(value, dict):
            yield depth, ""
            pending.extend((depth + 1, name) for name in value)
            pending.extend((depth + 1, member) for member in value.values())
        elif isinstance(value, list):
            yield depth, ""
            pending.extend((depth + 1, item) for item in value)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name occurs twice")
    return members


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise ValueError("a number is too large")
    return int(text)


# NaN, infinities and floats beyond doubles have not passed the first decoder.
_exact_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer)
