"""Attacks through true signatures of claims that must not count (one row each)."""

from __future__ import annotations

import pytest
from tests.verify.forge import (
    CLAIMS,
    EC,
    ED,
    GOOD,
    GOOD_HEADER,
    GOOD_PAYLOAD,
    HEADER,
    LEGACY,
    NOW,
    POLICY,
    RING,
    RSA,
    UNIX,
    N,
    R,
    S,
    assert_rejected,
    b64,
    body,
    raw_ec,
    signed,
    with_claims,
    with_header,
    without,
)

from keyturn.jose import jwt
from keyturn.jose.jwks import KeySet
from keyturn.verify.token import verify

NO_TIME: list[object] = ["9999999999", True, [], {}, -1, 10**15, UNIX * 1000 + 3_600_000]
CONTEXT: dict[str, tuple[str, str]] = {
    **{f"33 exp {value!r}": (with_claims(exp=value), "claim_invalid") for value in NO_TIME},
    "33 exp null": (with_claims(exp=None), "claim_missing"),
    "33 exp NaN": (body('"nbf":NaN'), "malformed"),
    "33 exp 1e308": (with_claims(exp=1e308), "claim_invalid"),
    "34 exp missing": (without("exp"), "claim_missing"),
    "34 sub missing": (without("sub"), "claim_missing"),
    "35 expired beyond the leeway": (with_claims(exp=UNIX - 30), "token_expired"),
    "35 expired long ago": (with_claims(exp=0), "token_expired"),
    "36 nbf beyond the leeway": (with_claims(nbf=UNIX + 31), "token_not_yet_valid"),
    "36 nbf text": (with_claims(nbf="0"), "claim_invalid"),
    "36 iat beyond the leeway": (with_claims(iat=UNIX + 31), "issued_in_future"),
    "36 iat text": (with_claims(iat=str(UNIX)), "claim_invalid"),
    **{
        f"37 aud {value!r}": (with_claims(aud=value), code)
        for value, code in (
            (None, "claim_invalid"),
            ("", "audience_mismatch"),
            ("authenticate", "audience_mismatch"),
            ("authenticated2", "audience_mismatch"),
            ("Authenticated", "audience_mismatch"),
            (1, "claim_invalid"),
        )
    },
    "37 aud missing": (without("aud"), "audience_mismatch"),
    "37 aud empty list": (with_claims(aud=[]), "audience_mismatch"),
    "37 aud object": (with_claims(aud={"authenticated": 1}), "claim_invalid"),
    "37 aud nested list": (with_claims(aud=[["authenticated"]]), "claim_invalid"),
    "37 aud mixed list": (with_claims(aud=["authenticated", 1]), "claim_invalid"),
    "38 iss missing": (without("iss"), "issuer_mismatch"),
    "38 iss a list with ours": (with_claims(iss=[CLAIMS["iss"]]), "claim_invalid"),
    "38 iss longer": (with_claims(iss="https://project.example/auth/v1/"), "issuer_mismatch"),
    "38 iss shorter": (with_claims(iss="https://project.example"), "issuer_mismatch"),
    "39 sub a number": (with_claims(sub=1), "claim_invalid"),
    "39 role a list": (with_claims(role=["service_role"]), "claim_invalid"),
    "39 role with NUL": (with_claims(role="anon\x00"), "malformed"),
    "39 role longer than PostgreSQL's names": (with_claims(role="r" * 64), "claim_invalid"),
    "39 session_id a number": (with_claims(session_id=1), "claim_invalid"),
    "40 a legacy API key as a user's token": (
        signed(
            {"alg": "HS256", "typ": "JWT"},
            {"iss": "supabase", "role": "anon", "iat": UNIX, "exp": UNIX + 315_360_000},
            LEGACY,
        ),
        "claim_missing",
    ),
    "41 a signed storage URL as a user's token": (
        signed(HEADER, {"url": "bucket/file", "iat": UNIX, "exp": UNIX + 60}),
        "claim_missing",
    ),
    "42 an access token of another kind": (with_header(typ="at+jwt"), "malformed"),
    "42 a logout token": (with_header(typ="logout+jwt"), "malformed"),
    "42 typ is no text": (with_header(typ=["JWT"]), "malformed"),
    "43 iss is an address of the cloud": (
        with_claims(iss="http://169.254.169.254/"),
        "issuer_mismatch",
    ),
}


@pytest.mark.parametrize("attack", CONTEXT)
def test_is_rejected(attack: str) -> None:
    assert_rejected(*CONTEXT[attack])


ACCEPTED = {
    "as GoTrue writes it": GOOD,
    "aud a list with ours": with_claims(aud=["other", "authenticated"]),
    "within the leeway": with_claims(exp=UNIX - 29, nbf=UNIX + 30, iat=UNIX + 30),
    "fractions of a second": with_claims(exp=UNIX + 0.5),
    "no typ": signed({"alg": "ES256", "kid": "es256"}),
    "typ in lower case": with_header(typ="jwt"),
    "typ as a media type": with_header(typ="application/jwt"),
    "unknown header members": with_header(x=1, jku="http://127.0.0.1:9/", jwk={}),
    "the legacy secret without kid": signed({"alg": "HS256"}, key=LEGACY),
    "RS256": signed({"alg": "RS256", "kid": "rs256"}, key=RSA),
    "EdDSA": signed({"alg": "EdDSA", "kid": "eddsa"}, key=ED),
    "EdDSA by its new name": signed({"alg": "Ed25519", "kid": "eddsa"}, key=ED),
    "15 the other half of (r, n - s), which JOSE allows": (
        f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(raw_ec(R, N - S))}"
    ),
    "by our own encoder": jwt.encode(CLAIMS, EC),
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_is_accepted(what: str) -> None:
    assert verify(ACCEPTED[what], KeySet(RING), POLICY, now=NOW)["sub"] == CLAIMS["sub"]
