"""A rejection says what was found and what was expected, and never quotes the token."""

from __future__ import annotations

import pytest
from tests.verify.forge import (
    ATTACKER,
    EC,
    GOOD,
    HEADER,
    NOW,
    POLICY,
    RING,
    UNIX,
    signed,
    with_claims,
    with_header,
    without,
)

from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

TOLD = {
    "token_expired": (
        with_claims(exp=UNIX - 60),
        '"exp" 2026-11-23 22:04:00 UTC',
        "a time after 2026-11-23 22:04:30 UTC",
    ),
    "token_not_yet_valid": (
        with_claims(nbf=UNIX + 60),
        '"nbf" 2026-11-23 22:06:00 UTC',
        "a time not after 2026-11-23 22:05:30 UTC",
    ),
    "issued_in_future": (
        with_claims(iat=UNIX + 60),
        '"iat" 2026-11-23 22:06:00 UTC',
        "a time not after 2026-11-23 22:05:30 UTC",
    ),
    "issuer_mismatch": (
        with_claims(iss="https://evil.example"),
        '"https://evil.example"',
        '"https://project.example/auth/v1"',
    ),
    "audience_mismatch": (with_claims(aud=["a", "b"]), '"a", "b"', '"authenticated"'),
    "bad_signature": (signed(HEADER, key=ATTACKER), None, 'one by the ES256 key "es256"'),
    "unknown_kid": (with_header(kid="x"), None, '"es256", "rs256", "eddsa"'),
    "missing_kid": (signed({"alg": "ES256"}), '"alg" "ES256" without "kid"', 'a "kid"'),
    "critical_header": (with_header(crit=["x"]), "crit", "neither"),
    "claim_invalid": (with_claims(exp="soon"), "a str", None),
}


def rejection(token: str, policy: Policy = POLICY) -> TokenRejected:
    """How ``token`` is rejected."""
    with pytest.raises(TokenRejected) as rejected:
        verify(token, KeySet(RING), policy, now=NOW)
    return rejected.value


@pytest.mark.parametrize("code", TOLD)
def test_it_says_what_was_found_and_expected(code: str) -> None:
    token, found, expected = TOLD[code]
    told = rejection(token)
    assert (told.code, told.found, told.expected) == (code, found, expected)
    assert found is None or f"found {found}" in str(told)
    assert expected is None or str(told).endswith(f"expected {expected}")
    assert not any(segment in str(told) for segment in token.split("."))


def test_claims_that_are_absent_are_found_to_be_none() -> None:
    assert rejection(without("iss")).found == "none"
    assert rejection(without("aud")).found == "none"


def test_an_algorithm_that_is_not_accepted_is_told_those_that_are() -> None:
    policy = Policy(algorithms=frozenset({"RS256", "EdDSA"}), issuer=None, audience=None)
    assert rejection(GOOD, policy).expected == "EdDSA or RS256"


def test_of_many_keys_and_audiences_only_some_are_named() -> None:
    assert rejection(with_claims(aud=["a"] * 50)).found == '"a", "a", "a", "a"'
    keys = KeySet(
        type(key)(key.alg, f"k{number}", key.material)
        for number, key in enumerate([EC.verifying_key()] * 9)
    )
    with pytest.raises(TokenRejected) as rejected:
        verify(with_header(kid="x"), keys, POLICY, now=NOW)
    assert rejected.value.expected == '"k0", "k1", "k2", "k3", …'


def test_what_an_attacker_wrote_is_short_and_printable() -> None:
    told = rejection(with_claims(iss="\x1b[2J" + "x" * 500))
    assert len(str(told)) < 200
    assert "\x1b" not in str(told)
