"""Attacks on the choice of key and algorithm, and on signatures (one row each)."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tests.verify.forge import (
    ATTACKER,
    CLAIMS,
    EC,
    ED,
    GOOD_HEADER,
    GOOD_PAYLOAD,
    GOOD_SIGNATURE,
    HEADER,
    HS_NAMED,
    JWK,
    LEGACY,
    NOW,
    PEM,
    POLICY,
    RSA,
    SIGNATURE,
    N,
    R,
    S,
    assert_rejected,
    b64,
    mac,
    raw_ec,
    signed,
    unsigned,
    with_header,
)

from keyturn.jose.errors import InvalidKey, TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import generate, private_jwk
from keyturn.secret_access import reveal
from keyturn.verify.token import verify

NO_ALGORITHM: list[object] = [
    "none",
    "None",
    "NONE",
    "nOnE",
    "",
    " none",
    None,
    ["none"],
    0,
    True,
    {},
]
ALGORITHM_AND_KEY: dict[str, tuple[str, str]] = {
    **{
        f"1 alg {alg!r}": (unsigned(HEADER | {"alg": alg}, b"x" * 64), "alg_not_allowed")
        for alg in NO_ALGORITHM
    },
    "1 alg none, empty signature": (unsigned({"alg": "none"}), "malformed"),
    "1 alg none without kid": (unsigned({"alg": "none"}, b"x"), "missing_kid"),
    "1 alg absent": (signed({"kid": "es256"}), "alg_not_allowed"),
    **{
        f"2 HMAC keyed with {what}": (mac(HS_NAMED, secret), "alg_not_allowed")
        for what, secret in {
            "the PEM": PEM,
            "the PEM stripped": PEM.strip(),
            "white space before the PEM": b" \n" + PEM,
            "zero width space before the PEM": "\u200b".encode() + PEM,
            "the JWK": JWK,
            "the JWKS": b'{"keys":[' + JWK + b"]}",
            "a list of the JWK": b"[" + JWK + b"]",
            "nothing": b"",
        }.items()
    },
    "2 HMAC keyed with the PEM, no kid": (mac({"alg": "HS256"}, PEM), "bad_signature"),
    "2 HMAC keyed with nothing, no kid": (mac({"alg": "HS256"}, b""), "bad_signature"),
    **{
        f"5 ES256 signature called {alg}": (signed(HEADER | {"alg": alg}), "alg_not_allowed")
        for alg in ("ES384", "ES512", "ES256K", "es256", "PS256", "RS256", "EdDSA", "Ed25519")
    },
    "4 the header's algorithm is allowed, but is not the key's": (
        signed({"alg": "RS256", "kid": "rs256"}, key=EC),
        "bad_signature",
    ),
    "4 RS256 named for the EdDSA key": (
        signed({"alg": "RS256", "kid": "eddsa"}, key=RSA),
        "alg_not_allowed",
    ),
    "5 EdDSA in lower case": (signed({"alg": "eddsa", "kid": "eddsa"}, key=ED), "alg_not_allowed"),
    "6 unknown kid, empty HMAC key": (mac({"alg": "HS256", "kid": "x"}, b""), "unknown_kid"),
    "7 embedded jwk, signed with it": (
        signed(HEADER | {"jwk": ATTACKER.verifying_key().public_jwk()}, key=ATTACKER),
        "bad_signature",
    ),
    "7 embedded jwk without kid": (
        signed({"alg": "ES256", "jwk": ATTACKER.verifying_key().public_jwk()}, key=ATTACKER),
        "missing_kid",
    ),
    **{
        f"7 {name} to the attacker": (
            signed(HEADER | {name: "http://127.0.0.1:9/"}, key=ATTACKER),
            "bad_signature",
        )
        for name in ("jku", "x5u", "x5c")
    },
    **{
        f"8 kid {kid!r:.20}": (with_header(kid=kid), code)
        for kid, code in (
            (1, "malformed"),
            (None, "malformed"),
            (True, "malformed"),
            ("", "unknown_kid"),
            ("ES256", "unknown_kid"),
            ("../../etc/passwd", "unknown_kid"),
            ("es256' OR '1'='1", "unknown_kid"),
            ("es256\n", "unknown_kid"),
            ("k" * 200, "malformed"),
            ("k" * 20_000, "malformed"),
        )
    },
    "8 kid a list": (with_header(kid=["es256"]), "malformed"),
    "8 kid an object": (with_header(kid={}), "malformed"),
    "8 a named token never reaches the nameless secret": (
        signed({"alg": "HS256", "kid": "legacy"}, key=LEGACY),
        "unknown_kid",
    ),
    "8 a nameless token never reaches a named key": (signed({"alg": "ES256"}), "missing_kid"),
}

SIGNATURES: dict[str, tuple[str, str]] = {
    **{
        f"14 r={r_name}, s={s_name}": (unsigned(HEADER, raw_ec(r, s)), "bad_signature")
        for r_name, r in {"0": 0, "1": 1, "n-1": N - 1, "n": N}.items()
        for s_name, s in {"0": 0, "1": 1, "n-1": N - 1, "n": N}.items()
    },
    "16 63 bytes": (
        f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(SIGNATURE[:-1])}",
        "bad_signature",
    ),
    "16 DER": (
        f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(encode_dss_signature(R, S))}",
        "bad_signature",
    ),
    "16 a byte after": (f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(SIGNATURE + b'0')}", "bad_signature"),
    "16 zeros before both halves": (
        f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(R.to_bytes(33, 'big') + S.to_bytes(33, 'big'))}",
        "bad_signature",
    ),
    "16 halves of 300 bytes": (
        f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(R.to_bytes(300, 'big') + S.to_bytes(300, 'big'))}",
        "bad_signature",
    ),
    "16 a signature of 21830 characters": (
        f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{'A' * 21_830}",
        "malformed",
    ),
    "16 half a signature": (f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(SIGNATURE[:32])}", "bad_signature"),
    "17 RSA signature too short": (
        unsigned({"alg": "RS256", "kid": "rs256"}, b"\x01" * 255),
        "bad_signature",
    ),
    "17 RSA signature of 1": (
        unsigned({"alg": "RS256", "kid": "rs256"}, bytes(255) + b"\x01"),
        "bad_signature",
    ),
    "17 RSA signature with a zero before": (
        unsigned({"alg": "RS256", "kid": "rs256"}, bytes(257)),
        "bad_signature",
    ),
    "18 Ed25519 universal forgery of small-order keys": (
        unsigned({"alg": "EdDSA", "kid": "eddsa"}, b"\x01" + bytes(63)),
        "bad_signature",
    ),
    "21 HMAC tag cut to half": (
        unsigned({"alg": "HS256"}, LEGACY.sign(b"x")[:16]),
        "bad_signature",
    ),
    "21 HMAC tag empty": (unsigned({"alg": "HS256"}), "malformed"),
    "the signature of other claims": (
        f"{GOOD_HEADER}.{b64(CLAIMS | {'role': 'service_role'})}.{GOOD_SIGNATURE}",
        "bad_signature",
    ),
    "the signature under another header": (
        f"{b64(HEADER | {'x': 1})}.{GOOD_PAYLOAD}.{GOOD_SIGNATURE}",
        "bad_signature",
    ),
}

ATTACKS = ALGORITHM_AND_KEY | SIGNATURES


@pytest.mark.parametrize("attack", ATTACKS)
def test_is_rejected(attack: str) -> None:
    assert_rejected(*ATTACKS[attack])


def test_the_secret_of_a_named_hs256_key_is_of_no_use_for_another_name() -> None:
    one, two = (generate("HS256", kid=kid) for kid in ("one", "two"))
    keys = KeySet([one.verifying_key(), two.verifying_key()])
    token = signed({"alg": "HS256", "kid": "two"}, key=one)
    with pytest.raises(TokenRejected) as rejected:
        verify(token, keys, POLICY, now=NOW)
    assert rejected.value.code == "bad_signature"
    assert verify(signed({"alg": "HS256", "kid": "two"}, key=two), keys, POLICY, now=NOW)


def test_an_oct_key_that_names_another_algorithm_never_gets_into_a_set() -> None:
    leaked = json.loads(reveal(private_jwk(generate("HS256", kid="h")))) | {"alg": "ES256"}
    with pytest.raises(InvalidKey, match="expected HS256"):
        KeySet.parse({"keys": [leaked]})
