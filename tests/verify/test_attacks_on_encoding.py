"""Attacks on how tokens are spelt, cut and parsed (one row each)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.verify.forge import (
    BODY,
    CLAIMS,
    GOOD,
    GOOD_HEADER,
    GOOD_PAYLOAD,
    GOOD_SIGNATURE,
    HEADER,
    NOW,
    POLICY,
    RING,
    assert_rejected,
    body,
    signed,
    unsigned,
    with_claims,
    with_header,
)

from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.verify.token import verify

TWICE = b'{"role":"anon","sub":"a","aud":"authenticated","exp":9999999999,"role":"service_role"}'

PARSING: dict[str, tuple[str, str]] = {
    **{
        f"23 crit {crit!r}": (with_header(crit=crit), "critical_header")
        for crit in (["x"], [], None, "b64", ["exp"], ["alg"], ["b64"], ["x", "x"])
    },
    "24 b64 false": (with_header(b64=False), "critical_header"),
    "24 b64 false, critical": (with_header(b64=False, crit=["b64"]), "critical_header"),
    "24 b64 true": (with_header(b64=True), "critical_header"),
    "25 alg twice": (
        signed(b'{"alg":"none","kid":"es256","alg":"ES256"}'),
        "malformed",
    ),
    "25 kid twice": (signed(b'{"alg":"ES256","kid":"x","kid":"es256"}'), "malformed"),
    "25 role twice": (signed(HEADER, TWICE), "malformed"),
    "25 exp twice": (body('"exp":9999999999'), "malformed"),
    "25 twice, deep": (body('"app_metadata":{"a":1,"a":2}'), "malformed"),
    "26 header in UTF-16": (signed(json.dumps(HEADER).encode("utf-16-le")), "malformed"),
    "26 payload in UTF-16": (signed(HEADER, json.dumps(CLAIMS).encode("utf-16")), "malformed"),
    "26 payload in UTF-32": (signed(HEADER, json.dumps(CLAIMS).encode("utf-32")), "malformed"),
    "26 payload with a byte order mark": (signed(HEADER, b"\xef\xbb\xbf" + BODY), "malformed"),
    "26 payload of broken UTF-8": (signed(HEADER, BODY[:-1] + b',"a":"\xff"}'), "malformed"),
    "26 lone surrogate": (body(r'"a":"\ud800"'), "malformed"),
    "26 NUL": (body(r'"a":"\u0000"'), "malformed"),
    "27 NaN": (body('"a":NaN'), "malformed"),
    "27 Infinity": (body('"a":Infinity'), "malformed"),
    "27 1e400": (body('"a":1e400'), "malformed"),
    "27 400 digits": (body(f'"a":{"9" * 400}'), "malformed"),
    "27 5000 digits": (body(f'"a":{"9" * 5000}'), "malformed"),
    "28 nested header": (signed(b'{"alg":"ES256","a":' + b"[" * 900), "malformed"),
    "28 900 levels": (body('"a":' + "[" * 900 + "]" * 900), "malformed"),
    "28 5000 levels": (body('"a":' + "[" * 5000 + "]" * 5000), "malformed"),
    "29 1 MiB of payload": (with_claims(a="a" * 2**20), "malformed"),
    "29 just over the limit": (with_claims(a="a" * 12_288), "malformed"),
    "29 ten thousand dots": ("." * 10_000, "malformed"),
    "29 a million dots": ("." * 1_000_000, "malformed"),
    "29 header of 3 KiB": (with_header(x="x" * 3000), "malformed"),
    "30 padding": (GOOD + "=", "malformed"),
    "30 right padding": (GOOD + "==", "malformed"),
    "30 padded payload": (f"{GOOD_HEADER}.{GOOD_PAYLOAD}=.{GOOD_SIGNATURE}", "bad_signature"),
    "30 padded header": (f"{GOOD_HEADER}=.{GOOD_PAYLOAD}.{GOOD_SIGNATURE}", "malformed"),
    "30 a space after": (GOOD + " ", "malformed"),
    "30 a newline after": (GOOD + "\n", "malformed"),
    "30 CRLF before": ("\r\n" + GOOD, "malformed"),
    "30 NUL after": (GOOD + "\x00", "malformed"),
    "30 standard alphabet": (unsigned(HEADER, b"\xfb\xff" * 32).replace("-", "+"), "malformed"),
    "30 unused bits": (GOOD[:-1] + chr(ord(GOOD[-1]) + 1), "malformed"),
    "30 one character more": (GOOD + "AAA", "malformed"),
    "30 exclamation mark inside": (GOOD[:-5] + "!" + GOOD[-4:], "malformed"),
    "30 full-width dots": (GOOD.replace(".", "\uff0e"), "malformed"),
    "30 letters outside ASCII": (GOOD + "é", "malformed"),
    "30 a lone surrogate": (GOOD + "\ud800", "malformed"),
    "31 empty": ("", "malformed"),
    "31 dots": ("..", "malformed"),
    "31 two segments": (f"{GOOD_HEADER}.{GOOD_PAYLOAD}", "malformed"),
    "31 no signature": (f"{GOOD_HEADER}.{GOOD_PAYLOAD}.", "malformed"),
    "31 four segments": (GOOD + ".AAAA", "malformed"),
    "31 JWE": ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA", "malformed"),
    "31 Bearer in the token": (f"Bearer {GOOD}", "malformed"),
    "31 JSON serialization": (
        json.dumps(
            {"protected": GOOD_HEADER, "payload": GOOD_PAYLOAD, "signature": GOOD_SIGNATURE}
        ),
        "malformed",
    ),
    "31 nested token": (signed(HEADER | {"cty": "JWT"}, GOOD), "malformed"),
    "31 says it is nested": (with_header(cty="JWT"), "malformed"),
    "31 empty payload": (signed(HEADER, b""), "malformed"),
    "31 payload is a list": (signed(HEADER, [CLAIMS]), "malformed"),
    "31 payload is text": (signed(HEADER, b'"text"'), "malformed"),
    "31 payload is null": (signed(HEADER, b"null"), "malformed"),
    "31 payload is no JSON": (signed(HEADER, b"foo"), "malformed"),
    "31 header is a list": (signed([HEADER]), "malformed"),
    "31 header is null": (signed(b"null"), "malformed"),
    "32 JWE algorithm": (with_header(alg="dir", enc="A256GCM"), "alg_not_allowed"),
}


@pytest.mark.parametrize("attack", PARSING)
def test_is_rejected(attack: str) -> None:
    assert_rejected(*PARSING[attack])


@pytest.mark.parametrize("value", [None, 1, b"bytes", [], {}, GOOD.encode()])
def test_what_is_no_text_is_rejected(value: object) -> None:
    call: Callable[..., object] = verify
    with pytest.raises(TokenRejected):
        call(value, KeySet(RING), POLICY, now=NOW)
