"""Holes of other libraries, 2022 to 2026: each id is a test that its exploit fails here.

What concerns fetching and remembering is tried on a real endpoint; ``ELSEWHERE`` says where.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from tests.verify.forge import (
    ATTACKER,
    BODY,
    CLAIMS,
    EC,
    GOOD,
    GOOD_HEADER,
    GOOD_PAYLOAD,
    HEADER,
    HS_NAMED,
    JWK,
    LEGACY,
    NOW,
    PEM,
    POLICY,
    RING,
    UNIX,
    N,
    R,
    S,
    assert_rejected,
    b64,
    body,
    mac,
    raw_ec,
    signed,
    unsigned,
    with_claims,
    with_header,
)

from keyturn.jose.errors import InvalidKey, TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import generate, private_jwk, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.verify.token import verify

JWKS = b'{"keys":[' + JWK + b"]}"
DER = base64.b64decode(b"".join(PEM.splitlines()[1:-1]))
POINT = b"\x04" + base64.urlsafe_b64decode(json.loads(JWK)["x"] + "=") + (
    base64.urlsafe_b64decode(json.loads(JWK)["y"] + "=")
)  # fmt: skip
BOMB = zlib.compress(bytes(10_000_000))


def confused(*secrets: bytes) -> list[tuple[str, str]]:
    """HS256 tags made with public bytes, for the EC key by name and for the nameless secret."""
    named = [(mac(HS_NAMED, secret), "alg_not_allowed") for secret in secrets]
    return named + [(mac({"alg": "HS256"}, secret), "bad_signature") for secret in secrets]


def wide(width: int) -> bytes:
    """The true signature with each half ``width`` bytes long."""
    return R.to_bytes(width, "big") + S.to_bytes(width, "big")


def jwe(**header: object) -> list[tuple[str, str]]:
    """An encrypted token, whole and with the header of one over a signed body."""
    segment = b64(header)
    return [
        (f"{segment}.AAAA.AAAA.{b64(BOMB)[:4000]}.AAAA", "malformed"),
        (f"{segment}.{GOOD_PAYLOAD}.AAAA", "missing_kid alg_not_allowed"),
    ]


NONE = [
    (unsigned({"alg": alg, "kid": "es256"}, b"x"), "alg_not_allowed")
    for alg in ("none", "None", "nOnE", "NONE")
] + [(unsigned({"alg": "none", "kid": "es256"}), "malformed")]
CRIT = [(with_header(crit=crit), "critical_header") for crit in (["x"], ["exp"], [], None)]
B64_FALSE = [
    (with_header(b64=False), "critical_header"),
    (with_header(b64=False, crit=["b64"]), "critical_header"),
    (f"{b64(HEADER | {'b64': False})}.{'a' * 10_000_000}.AAAA", "malformed"),
]
DEEP = [
    (body('"a":' + "[" * depth + "]" * depth), "malformed") for depth in (100, 1000, 5000)
]  # fmt: skip
LONG = [
    (with_claims(a="a" * 2**20), "malformed"),
    ("." * 1_000_000, "malformed"),
    (with_header(kid="k" * 20_000), "malformed"),
]
EMPTY_KEY = [
    (mac({"alg": "HS256", "kid": "unknown"}, b""), "unknown_kid"),
    (mac({"alg": "HS256"}, b""), "bad_signature"),
    (mac(HS_NAMED, b""), "alg_not_allowed"),
]
OTHER_ALG = [
    (signed({"alg": "RS256", "kid": "es256"}), "alg_not_allowed"),
    (signed({"alg": "ES256", "kid": "rs256"}), "alg_not_allowed"),
    (signed({"alg": "HS256", "kid": "es256"}, key=LEGACY), "alg_not_allowed"),
]
EMBEDDED = [
    (
        signed(HEADER | {"jwk": ATTACKER.verifying_key().public_jwk()}, key=ATTACKER),
        "bad_signature",
    ),
    (
        signed({"alg": "ES256", "jwk": ATTACKER.verifying_key().public_jwk()}, key=ATTACKER),
        "missing_kid",
    ),
]
LISTED_ISSUER = [
    (with_claims(iss=[CLAIMS["iss"]]), "claim_invalid"),
    (with_claims(iss=[CLAIMS["iss"], "https://evil.example"]), "claim_invalid"),
    (with_claims(sub=["a"]), "claim_invalid"),
    (with_claims(jti=["a"]), "claim_invalid"),
]
PART_OF_ISSUER = [
    (with_claims(iss=iss), "issuer_mismatch")
    for iss in ("https://project.example", "", "/auth/v1", "https://project.example/auth/v1x")
]
NO_TIME = [
    (with_claims(exp="9999999999"), "claim_invalid"),
    (with_claims(exp=True), "claim_invalid"),
    (with_claims(exp=1e300), "claim_invalid"),
    (body('"nbf":1e400'), "malformed"),
    (body('"nbf":NaN'), "malformed"),
]
JUNK = [(GOOD + junk, "malformed") for junk in ("=", "==", " ", "\n", "\r\n", "\x00", "!", "#")] + [
    (GOOD[:-1] + chr(ord(GOOD[-1]) + 1), "malformed")
]
TOKENS: dict[str, list[tuple[str, str]]] = {
    # PyJWT
    "CVE-2022-29217": confused(PEM, PEM.strip(), b"ssh-ed25519 AAAA", b"ecdsa-sha2-nistp256 AAAA"),
    "CVE-2024-53861": PART_OF_ISSUER,
    "CVE-2026-32597": CRIT,
    "CVE-2026-48523": OTHER_ALG,
    "CVE-2026-48525": B64_FALSE,
    "GHSA-xgmm-8j9v-c9wx": confused(JWK),
    "PyJWT GHSA-r6x4": confused(JWKS, b"[" + JWK + b"]"),
    "PyJWT GHSA-ffc3": confused(DER, POINT, POINT[1:]),
    "PyJWT GHSA-p4g4": confused(b"\xef\xbb\xbf" + JWK, b" " + JWK),
    "PyJWT GHSA-w2cx": confused(b"\xe2\x80\x8b" + PEM, b"\n \t" + PEM),
    "PyJWT GHSA-8wjv": DEEP,
    "PyJWT GHSA-hxm8": JUNK,
    "PyJWT 2.15.0": DEEP,
    # python-jose
    "CVE-2024-33663": confused(PEM, DER, JWK),
    "CVE-2024-33664": jwe(alg="dir", enc="A256GCM", zip="DEF"),
    "python-jose #413": CRIT,
    "python-jose #274": OTHER_ALG,
    # Authlib
    "CVE-2024-37568": confused(PEM, PEM + b"\n"),
    "CVE-2025-59420": CRIT,
    "CVE-2025-61920": LONG,
    "CVE-2026-28802": NONE,
    "CVE-2026-27962": EMBEDDED,
    # joserfc
    "CVE-2025-65015": LONG,
    "CVE-2026-27932": jwe(alg="PBES2-HS256+A128KW", enc="A128GCM", p2c=2**31, p2s="AAAA"),
    "joserfc 1.6.6": B64_FALSE,
    "joserfc 1.6.8": EMPTY_KEY,
    "joserfc 1.7.2": JUNK,
    "joserfc 1.7.3": LISTED_ISSUER,
    "joserfc 1.7.6": [(with_claims(jti=["a"]), "claim_invalid")],
    "joserfc 1.7.7": confused(PEM, JWK),
    "joserfc 1.8.0": [*NO_TIME, (signed(HEADER, [CLAIMS]), "malformed")],
    # jwcrypto
    "CVE-2022-3102": jwe(alg="dir", enc="A128CBC-HS256", typ="JWT"),
    "CVE-2023-6681": jwe(alg="PBES2-HS512+A256KW", enc="A256GCM", p2c=2**31 - 1, p2s="AAAA"),
    "CVE-2024-28102": jwe(alg="dir", enc="A256GCM", zip="DEF"),
    "CVE-2026-39373": jwe(alg="A256KW", enc="A256GCM", zip="DEF"),
    "jwcrypto, ES256 of any length": [
        (f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(wide(width))}", "bad_signature")
        for width in (33, 64, 300)
    ],
    # node: jose, jsonwebtoken, jws, fast-jwt, hono
    "CVE-2022-36083": jwe(alg="PBES2-HS256+A128KW", enc="A128GCM", p2c=2**53, p2s="AAAA"),
    "CVE-2024-28176": jwe(alg="RSA-OAEP", enc="A256GCM", zip="DEF"),
    "node jose 6.2, white space": JUNK,
    "CVE-2022-23540": [*NONE, *EMPTY_KEY],
    "CVE-2022-23541": confused(PEM, DER),
    "CVE-2025-65945": EMPTY_KEY,
    "CVE-2026-22817": confused(JWK),
    "CVE-2026-22818": OTHER_ALG,
    "CVE-2026-44459": NO_TIME,
    "CVE-2023-48223": confused(PEM),
    "CVE-2025-30144": LISTED_ISSUER,
    "CVE-2026-34950": confused(b" " + PEM, b"\n" + PEM, b"\t" + PEM),
    "CVE-2026-35042": CRIT,
    "CVE-2026-44351": EMPTY_KEY,
    "GHSA-g3jj-5cmm-3hxx": confused(JWK, JWKS),
    "GHSA-ww5h-9m49-7xx4": confused(b"# a comment\n" + PEM, b"prefix" + PEM),
    "GHSA-8wpc-h4q6-8fxv": EMPTY_KEY,
    # Go
    "CVE-2024-51744": [(signed(HEADER, CLAIMS | {"exp": 0}, ATTACKER), "bad_signature")],
    "CVE-2025-30204": [("." * 1_000_000, "malformed"), ("Bearer " + "." * 10_000, "malformed")],
    "CVE-2025-27144": [("." * 10_000, "malformed"), ("a." * 8000, "malformed")],
    "CVE-2026-34986": jwe(alg="A128KW", enc="A128GCM"),
    "CVE-2024-21664": [(json.dumps({"signatures": [{}], "payload": GOOD_PAYLOAD}), "malformed")],
    "CVE-2024-28122": jwe(alg="dir", enc="A128GCM", zip="DEF"),
    "CVE-2023-49290": jwe(alg="PBES2-HS256+A128KW", enc="A128GCM", p2c=2**31, p2s="AAAA"),
    # others
    "CVE-2022-21449": [
        (unsigned(HEADER, raw_ec(r, s)), "bad_signature") for r in (0, N) for s in (0, N)
    ],
    "CVE-2023-51774": jwe(alg="dir", enc="A256GCM", cty="JWT"),
    "CVE-2026-29000": [
        *jwe(alg="RSA-OAEP-256", enc="A256GCM", cty="JWT"),
        (signed(HEADER | {"cty": "JWT"}, unsigned({"alg": "none"})), "malformed"),
    ],
    "GHSA-88q6-jcjg-hvmw": NONE,
    "GHSA-3529-5m8x-rpv3": PART_OF_ISSUER,
    "HAProxy 648b0e7b": [(f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{'A' * 21_830}", "malformed")],
}


@pytest.mark.parametrize("name", TOKENS)
def test_its_tokens_are_rejected(name: str) -> None:
    for token, codes in TOKENS[name]:
        code = next((one for one in codes.split() if one == rejection(token)), codes)
        assert_rejected(token, code)


def rejection(token: str) -> str:
    """The code with which ``token`` is rejected; anything else than a rejection fails."""
    with pytest.raises(TokenRejected) as rejected:
        verify(token, KeySet(RING), POLICY, now=NOW)
    return rejected.value.code


def a_key_type_decides_the_algorithm() -> None:
    """jsonwebtoken let any key verify any algorithm; here a key knows its one."""
    for jwk in ({"alg": "RS256"}, {"alg": "ES384"}, {"alg": "HS256"}, {"crv": "P-384"}):
        with pytest.raises(InvalidKey):
            KeySet.parse({"keys": [json.loads(JWK) | jwk]})


def an_empty_secret_is_no_key() -> None:
    """An empty ``k``, with and without the way around short secrets."""
    with pytest.raises(InvalidKey):
        KeySet.parse({"keys": [{"kty": "oct", "k": ""}]})
    with pytest.raises(InvalidKey):
        signing_key_from_secret(Secret(b""), kid=None, allow_short=True)


def a_bad_member_of_a_published_set_is_left_out() -> None:
    """One malformed, private, nested or unknown key spoils nothing."""
    bad: list[Any] = [
        {"kty": "EC"}, {"kty": ["EC"]}, {}, {"kty": "RSA", "n": "AQ", "e": "AQAB"},
        json.loads(reveal(private_jwk(generate("RS256", kid="leak")))),
    ]  # fmt: skip
    keys = KeySet.parse_published({"keys": [*bad, json.loads(JWK)]})
    assert [key.kid for key in keys] == ["es256"]
    assert verify(GOOD, keys, POLICY, now=NOW)


def audiences_are_compared_and_never_searched() -> None:
    """No pattern is ever applied to what the token says, so none hangs the reader."""
    for audience in ("a" * 8000 + "!", "authenticated" * 600, ["a" * 8000]):
        assert rejection(with_claims(aud=audience)) == "audience_mismatch"


def an_unsigned_expiry_says_nothing() -> None:
    """A forged token that is also expired is forged first."""
    assert rejection(signed(HEADER, CLAIMS | {"exp": UNIX - 999}, ATTACKER)) == "bad_signature"


KEYS: dict[str, Callable[[], None]] = {
    "CVE-2022-23539": a_key_type_decides_the_algorithm,
    "PyJWT GHSA-pxh4": an_empty_secret_is_no_key,
    "PyJWT GHSA-w6j9": a_bad_member_of_a_published_set_is_left_out,
    "CVE-2026-35041": audiences_are_compared_and_never_searched,
    "golang-jwt, errors of forged tokens": an_unsigned_expiry_says_nothing,
}


@pytest.mark.parametrize("name", KEYS)
def test_its_keys_and_claims_do_no_harm(name: str) -> None:
    KEYS[name]()


REMOTE, FETCHING, HITS = "verifier.test_remote", "verifier.test_fetching", "token_cache.test_hits"
ELSEWHERE = {
    "CVE-2026-48524": (
        f"{REMOTE}:test_a_flood_makes_one_fetch_per_cooldown_also_when_every_fetch_fails",
        f"{REMOTE}:test_a_broken_document_does_not_displace_good_keys",
    ),
    "PyJWT GHSA-2gx3": (f"{REMOTE}:test_a_flood_of_unknown_keys_makes_one_fetch_per_cooldown",),
    "GHSA-993g-76c3-p5m4": (f"{FETCHING}:test_addresses_that_keys_may_not_come_from",),
    "PyJWT GHSA-9v7f": (f"{FETCHING}:test_only_200_is_an_answer",),
    "CVE-2025-22149": (f"{REMOTE}:test_a_removed_key_is_dead_after_the_next_refresh",),
    "CVE-2025-59936": ("verifier.test_attacks_on_services:test_9_one_kid_of_two_issuers",),
    "CVE-2026-31813": ("verifier.test_attacks_on_services:test_43_no_token_chooses_an_address",),
    "CVE-2025-64527": ("verifier.test_attacks_on_services:test_51_several_tokens_of_one_request",),
    "CVE-2024-45809": ("verifier.test_attacks_on_services:test_51_several_tokens_of_one_request",),
    "CVE-2026-35039": (f"{HITS}:test_every_character_of_the_token_counts",),
    "GHSA-3j8v-cgw4-2g6q": (
        f"{HITS}:test_time_is_asked_at_every_hit",
        f"{HITS}:test_same_signature_under_other_claims_is_not_the_token",
        f"{HITS}:test_what_one_caller_does_to_the_claims_no_other_sees",
    ),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_its_test_is_where_it_is_said_to_be(name: str) -> None:
    for place in ELSEWHERE[name]:
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(f"tests.{module}"), function))


def test_the_good_token_is_still_good() -> None:
    assert verify(GOOD, KeySet(RING), POLICY, now=NOW) == CLAIMS
    assert EC.verifying_key().verify(GOOD.rpartition(".")[0].encode(), raw_ec(R, S))
    assert json.loads(BODY) == CLAIMS
