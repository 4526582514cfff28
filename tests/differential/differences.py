"""Every way in which Keyturn's verdict may differ from joserfc's or PyJWT's, and why.

``docs/reference/verifier-differences.md`` shows this table. A difference that no row explains
fails the test; so does a row that explains nothing any more.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.differential.samples import Sample

OURS_STRICTER, OURS_WIDER = "Keyturn refuses", "Keyturn accepts"
TIMES, TEXTS = ("exp", "nbf", "iat"), ("iss", "sub", "jti", "role", "session_id")


class Difference(NamedTuple):
    """One row: who is stricter, about what, since which rule, and how to recognise it."""

    name: str
    side: str
    codes: frozenset[str]
    reason: str
    applies: Callable[[Sample], bool]


def lenient(raw: bytes) -> Mapping[str, Any]:
    """The object in ``raw`` as a lenient reader sees it; empty when there is none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def utf8(raw: bytes) -> str:
    """``raw`` as text, broken bytes replaced."""
    return raw.decode("utf-8", "replace")


def header(sample: Sample) -> Mapping[str, Any]:
    """The header as a lenient reader sees it."""
    return lenient(sample.header)


def claims(sample: Sample) -> Mapping[str, Any]:
    """The claims as a lenient reader sees them."""
    return lenient(sample.payload)


def _either(test: Callable[[bytes], bool]) -> Callable[[Sample], bool]:
    return lambda sample: test(sample.header) or test(sample.payload)


def _repeats(raw: bytes) -> bool:
    found: list[bool] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len(dict(pairs)) != len(pairs))
        return dict(pairs)

    try:
        json.loads(raw, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return False
    return any(found)


def _levels(raw: bytes) -> bool:
    deepest = level = 0
    for letter in utf8(raw):
        level += (letter in "[{") - (letter in "]}")
        deepest = max(deepest, level)
    return deepest > 32


def _not_utf8(raw: bytes) -> bool:
    return raw[:3] == b"\xef\xbb\xbf" or b"\x00" in raw or raw[:2] in {b"\xff\xfe", b"\xfe\xff"}


def _no_time(value: object) -> bool:
    if type(value) not in (int, float):
        return True
    assert isinstance(value, int | float)
    return not 0 <= value <= 253_402_300_799


def _padded(sample: Sample) -> bool:
    return "=" in sample.token


def _role_too_long(sample: Sample) -> bool:
    role = claims(sample).get("role")
    return isinstance(role, str) and len(role.encode("utf-8", "replace")) > 63


def _kind(sample: Sample) -> bool:
    typ = header(sample).get("typ", "JWT")
    return not (isinstance(typ, str) and typ.lower().removeprefix("application/") == "jwt")


def _huge_header(sample: Sample) -> bool:
    return len(base64.urlsafe_b64encode(sample.header)) > 512


def _refuses(name: str, code: str, reason: str, applies: Callable[[Sample], bool]) -> Difference:
    return Difference(name, OURS_STRICTER, frozenset(code.split()), reason, applies)


def _accepts(name: str, reason: str, applies: Callable[[Sample], bool]) -> Difference:
    return Difference(name, OURS_WIDER, frozenset({""}), reason, applies)


DIFFERENCES: tuple[Difference, ...] = (
    _refuses(
        "JSON that is not UTF-8",
        "malformed",
        "RFC 8725 §3.7: UTF-8 only; byte order marks, UTF-16 and UTF-32 let two readers differ",
        _either(_not_utf8),
    ),
    _refuses(
        "a member name twice",
        "malformed",
        "RFC 7515 §4, RFC 7519 §4 allow refusing; two readers may take different ones",
        _either(_repeats),
    ),
    _refuses(
        "NaN, Infinity, or a number beyond doubles",
        "malformed",
        "RFC 8259 §6 has no such numbers; comparisons with NaN are never true",
        _either(lambda raw: bool(re.search(r"NaN|Infinity|1e\+?400|\d{21}", utf8(raw)))),
    ),
    _refuses(
        "NUL or a lone surrogate in a string",
        "malformed",
        "PostgreSQL text cannot hold them; C readers stop at NUL",
        _either(lambda raw: rb"\u0000" in raw or rb"\ud800" in raw),
    ),
    _refuses(
        "nested deeper than 32 levels",
        "malformed",
        "a bound against exhausting a reader's stack",
        _either(_levels),
    ),
    _refuses(
        "a header longer than 2048 characters",
        "malformed",
        "the header is parsed before the signature is checked, so it is bounded",
        lambda sample: len(sample.token.partition(".")[0]) > 2048,
    ),
    _refuses(
        "padding after base64url",
        "malformed bad_signature",
        "RFC 7515 §2: no padding; a token has one spelling, or revocation by its text fails",
        _padded,
    ),
    _refuses(
        '"typ" of another kind of token',
        "malformed",
        "RFC 8725 §3.11: an access token is not a logout token or an ID token of another kind",
        _kind,
    ),
    _refuses(
        '"cty" in the header',
        "malformed",
        "RFC 7519 §5.2: it announces a nested token, and none is read",
        lambda sample: "cty" in header(sample),
    ),
    _refuses(
        'any "crit" or "b64"',
        "critical_header",
        "RFC 7515 §4.1.11, RFC 7797 §7: no extension is implemented, so none may be demanded",
        lambda sample: bool({"crit", "b64"} & header(sample).keys()),
    ),
    _refuses(
        "a time that is no number of seconds before the year 10000",
        "claim_invalid claim_missing",
        "RFC 7519 §2: NumericDate; booleans, texts, negative numbers and milliseconds are mistakes",
        lambda sample: any(_no_time(claims(sample).get(name, 0)) for name in TIMES),
    ),
    _refuses(
        '"iss", "sub", "jti", "role" or "session_id" that is not text',
        "claim_invalid",
        "whoever compares or stores them takes them for text",
        lambda sample: any(not isinstance(claims(sample).get(name, ""), str) for name in TEXTS),
    ),
    _refuses(
        '"role" longer than 63 bytes',
        "claim_invalid",
        "PostgreSQL cuts longer names silently: it would become another role",
        _role_too_long,
    ),
    _accepts(
        'the name "Ed25519" for EdDSA',
        "RFC 9864 §2.2; PyJWT does not know it yet",
        lambda sample: header(sample).get("alg") == "Ed25519",
    ),
    _accepts(
        "a header between 512 and 2048 characters",
        "joserfc stops at 512; certificates and long key names do not fit into that",
        _huge_header,
    ),
)
