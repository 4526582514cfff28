"""The diagnosis of a token: it agrees with the verifier, and it names every reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verify.forge import (
    ATTACKER,
    BODY,
    CLAIMS,
    EC,
    GOOD,
    GOOD_HEADER,
    GOOD_PAYLOAD,
    GOOD_SIGNATURE,
    HEADER,
    LEGACY,
    NOW,
    POLICY,
    RING,
    RSA,
    UNIX,
    b64,
    signed,
    unsigned,
    with_claims,
    with_header,
    without,
)

from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import SigningKey
from keyturn.verify import diagnosis_claims
from keyturn.verify.anatomy import dissect
from keyturn.verify.diagnosis import Diagnosis, diagnose, examine
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

KEYS = KeySet(RING)


def diagnosed(token: str, keys: KeySet = KEYS, policy: Policy = POLICY) -> Diagnosis:
    """The diagnosis of ``token`` at the usual moment."""
    return diagnose(token, keys, policy, now=NOW)


def verdict(token: str, keys: KeySet, policy: Policy) -> str | None:
    """The verifier's answer: a code, or None when it accepts."""
    try:
        verify(token, keys, policy, now=NOW)
    except TokenRejected as rejected:
        return rejected.code
    return None


def codes_of(token: str, keys: KeySet = KEYS, policy: Policy = POLICY) -> list[str]:
    """The codes found by examination alone, without asking the verifier."""
    anatomy = dissect(token, max_bytes=policy.max_token_bytes)
    return [row.code for row in examine(token, anatomy, keys, policy, now=NOW)]


# A token, and every code that its diagnosis has, in order.
CASES: Mapping[str, tuple[str, list[str]]] = {
    "a good one": (GOOD, []),
    "expired": (with_claims(exp=UNIX - 31), ["token_expired"]),
    "not yet valid": (with_claims(nbf=UNIX + 31), ["token_not_yet_valid"]),
    "issued in future": (with_claims(iat=UNIX + 31), ["issued_in_future"]),
    "other issuer": (with_claims(iss="https://else.example"), ["issuer_mismatch"]),
    "no issuer": (without("iss"), ["issuer_mismatch"]),
    "other audience": (with_claims(aud=["a", "b"]), ["audience_mismatch"]),
    "no audience": (without("aud"), ["audience_mismatch"]),
    "no sub": (without("sub"), ["claim_missing"]),
    "milliseconds": (with_claims(exp=UNIX * 1000), ["claim_invalid"]),
    "exp is text": (with_claims(exp=str(UNIX)), ["claim_invalid"]),
    "role too long": (with_claims(role="r" * 64), ["claim_invalid"]),
    "unknown kid": (with_header(kid="gone"), ["unknown_kid"]),
    "no kid": (signed({"alg": "ES256"}), ["missing_kid"]),
    "kid not text": (with_header(kid=7), ["malformed"]),
    "unsigned": (unsigned({"alg": "none"}, b"x"), ["missing_kid", "alg_not_allowed"]),
    "empty signature": (
        unsigned({"alg": "none"}),
        ["malformed", "missing_kid", "alg_not_allowed"],
    ),
    "no alg": (signed({"kid": "es256"}), ["alg_not_allowed"]),
    "confused algorithm": (unsigned(HEADER | {"alg": "HS256"}, b"x" * 32), ["alg_not_allowed"]),
    "forged": (signed(HEADER, BODY, ATTACKER), ["bad_signature"]),
    "extension": (with_header(crit=["exp"]), ["critical_header"]),
    "b64": (with_header(b64=False), ["critical_header"]),
    "nested": (with_header(cty="JWT"), ["malformed"]),
    "another kind": (with_header(typ="dpop+jwt"), ["malformed"]),
    "payload is no object": (signed(HEADER, b"[1]"), ["malformed"]),
    "payload is empty": (signed(HEADER, b""), ["malformed"]),
    "padded": (GOOD + "==", ["malformed"]),
    "two parts": (f"{GOOD_HEADER}.{GOOD_PAYLOAD}", ["malformed"]),
    "too long": (with_claims(user_metadata="x" * 20_000), ["malformed"]),
    "expired and for another audience": (
        with_claims(exp=UNIX - 100, aud="else"),
        ["token_expired", "audience_mismatch"],
    ),
    "everything at once": (
        signed(
            {"alg": "ES256", "kid": "gone", "crit": ["x"], "typ": "x"},
            b'{"exp":1,"nbf":9999999999,"iss":"x","aud":"y","role":"r"}',
            ATTACKER,
        ),
        [
            "critical_header",
            "malformed",
            "unknown_kid",
            "token_expired",
            "token_not_yet_valid",
            "issuer_mismatch",
            "audience_mismatch",
            "claim_missing",
        ],
    ),
    "forged and expired": (
        signed(HEADER, BODY.replace(b'"exp": ', b'"exp": -'), ATTACKER),
        ["bad_signature", "claim_invalid"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_reason_is_a_row(name: str) -> None:
    token, codes = CASES[name]
    assert codes_of(token) == codes
    diagnosis = diagnosed(token)
    assert [row.code for row in diagnosis.findings] == codes
    assert diagnosis.accepted is (verdict(token, KEYS, POLICY) is None)


def test_an_algorithm_that_the_policy_leaves_out() -> None:
    policy = replace(POLICY, algorithms=frozenset({"RS256"}))
    assert codes_of(GOOD, policy=policy) == ["alg_not_allowed"]
    assert codes_of(with_header(kid="gone"), policy=policy) == ["unknown_kid", "alg_not_allowed"]


def test_times_are_told_in_words() -> None:
    row = diagnosed(with_claims(exp=UNIX - 3_700)).findings[0]
    assert row.message == "The token expired 1 h 1 min ago (and 30 s more are allowed)."
    assert row.found == "exp 2026-11-23 21:03:20 UTC"
    assert row.expected == "later than 2026-11-23 22:04:30 UTC"


def test_an_unknown_kid_says_which_keys_there_are_and_what_became_of_it() -> None:
    token = with_header(kid="gone")
    row = diagnosed(token).findings[0]
    assert row.found == '"gone"'
    assert row.expected == "one of: ES256 es256, RS256 rs256, EdDSA eddsa, HS256 without kid"
    assert "signature is that of ES256 es256" in (row.hint or "")
    told = diagnose(
        token, KEYS, POLICY, now=NOW, history={"gone": "was revoked on 2026-11-20 10:00:00 UTC"}
    )
    assert "was revoked on 2026-11-20" in (told.findings[0].hint or "")
    assert told.needed is not None
    assert "was revoked on 2026-11-20" in told.needed.description
    assert told.needed.available is False


def test_a_token_that_names_the_wrong_key_is_told_the_right_one() -> None:
    other = ATTACKER.verifying_key()
    keys = KeySet([*RING, replace(other, kid="other")])
    row = diagnosed(signed(HEADER, BODY, ATTACKER), keys).findings[0]
    assert row.code == "bad_signature"
    assert "that of ES256 other" in (row.hint or "")


def test_a_legacy_token_without_the_secret_asks_for_it() -> None:
    token = signed({"alg": "HS256", "typ": "JWT"}, BODY, LEGACY)
    assert diagnosed(token).accepted
    diagnosis = diagnosed(token, KeySet(RING[:1]), replace(POLICY, algorithms=frozenset({"ES256"})))
    assert [row.code for row in diagnosis.findings] == ["missing_kid", "alg_not_allowed"]
    assert diagnosis.needed is not None
    assert "legacy JWT_SECRET" in diagnosis.needed.description


def test_a_der_signature_is_recognised() -> None:
    der = b"0" + b"x" * 70
    row = diagnosed(f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{b64(der)}").findings[0]
    assert (row.code, row.found) == ("bad_signature", "71 bytes")
    assert "DER" in (row.hint or "")


def test_a_slash_at_the_end_of_an_issuer_is_pointed_out() -> None:
    row = diagnosed(with_claims(iss=f"{POLICY.issuer}/")).findings[0]
    assert "slash" in (row.hint or "")


def test_an_empty_key_set_is_said() -> None:
    assert "key set is empty" in (diagnosed(GOOD, KeySet()).findings[0].expected or "")


def test_no_row_repeats_the_token_or_its_signature() -> None:
    for token, _ in CASES.values():
        text = repr(diagnosed(token))
        assert GOOD_SIGNATURE not in text
        for segment in token.split("."):
            assert len(segment) < 20 or segment not in text


def test_untrusted_names_are_shown_short_and_printable() -> None:
    row = diagnosed(with_header(kid="\x1b[2J" + "k" * 100)).findings[0]
    assert "\x1b" not in f"{row.found}{row.message}"
    assert len(row.found or "") < 50


HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["ES256", "ES256", "RS256", "HS256", "none", "es256", 1])},
    optional={
        "kid": st.sampled_from(["es256", "es256", "rs256", "gone", "", None, "k" * 200]),
        "typ": st.sampled_from(["JWT", "jwt", "application/jwt", "at+jwt", 3, None]),
        "cty": st.just("JWT"),
        "crit": st.sampled_from([[], ["exp"]]),
        "jku": st.just("https://evil.example"),
    },
)
MOMENTS: st.SearchStrategy[object] = st.sampled_from(
    [
        *(UNIX + distance for distance in (-31, -30, -29, 0, 0.5, 29, 30, 31, 3600)),
        *(0, -1, 1e300, "1", None, True, []),
    ]
)
TEXTS = st.sampled_from(["", "x", "authenticated", POLICY.issuer, 5, None, ["authenticated"], [1]])
CLAIM_SETS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("exp", "nbf", "iat"), MOMENTS),
        **dict.fromkeys(("iss", "aud", "sub", "role", "jti", "session_id", "other"), TEXTS),
    },
)
POLICIES = st.builds(
    Policy,
    algorithms=st.sampled_from([frozenset({"ES256"}), POLICY.algorithms, frozenset({"RS256"})]),
    issuer=st.sampled_from([None, POLICY.issuer]),
    audience=st.sampled_from([None, "authenticated", frozenset({"x", "y"})]),
    leeway=st.sampled_from([0, 30]),
    require=st.sampled_from([frozenset(), frozenset({"exp"}), frozenset({"exp", "jti", "other"})]),
    check_iat=st.booleans(),
    max_token_bytes=st.sampled_from([16_384, 16_384, 300]),
)
SIGNERS = st.sampled_from([EC, EC, RSA, LEGACY, ATTACKER])


@given(HEADERS, CLAIM_SETS, st.booleans(), POLICIES, SIGNERS)
def test_it_agrees_with_the_verifier(
    header: object, claims: dict[str, object], usual: bool, policy: Policy, signer: SigningKey
) -> None:
    body = (CLAIMS | claims) if usual else claims
    token = signed(header, body, signer)
    agree(token, KEYS, policy)


@given(
    st.sampled_from([GOOD, signed({"alg": "HS256"}, BODY, LEGACY)]),
    st.integers(0, 700),
    st.text(alphabet="aA0_-.=+/ é\n", max_size=3),
    st.integers(0, 3),
    POLICIES,
)
def test_it_agrees_on_damaged_tokens(
    token: str, position: int, inserted: str, removed: int, policy: Policy
) -> None:
    at = position % len(token)
    agree(token[:at] + inserted + token[at + removed :], KEYS, policy)


@given(st.text(max_size=60))
def test_it_agrees_on_any_text(text: str) -> None:
    agree(text, KEYS, POLICY)


def agree(token: str, keys: KeySet, policy: Policy) -> None:
    """Examination alone finds nothing exactly when the verifier accepts, and else its reason."""
    codes = codes_of(token, keys, policy)
    expected = verdict(token, keys, policy)
    assert (codes == []) is (expected is None), (codes, expected)
    assert expected is None or expected in codes
    assert diagnosed(token, keys, policy).accepted is (expected is None)


def test_the_verdict_is_the_verifiers_even_where_nothing_was_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis_claims, "findings", lambda *_: iter(()))
    diagnosis = diagnosed(with_claims(exp=1))
    assert not diagnosis.accepted
    assert [row.code for row in diagnosis.findings] == ["token_expired"]


def test_a_later_moment_makes_the_same_token_expired() -> None:
    later = NOW + timedelta(hours=2)
    assert [row.code for row in diagnose(GOOD, KEYS, POLICY, now=later).findings] == [
        "token_expired"
    ]


@pytest.mark.parametrize("name", CASES)
def test_a_message_does_not_repeat_what_its_row_found_and_expected(name: str) -> None:
    for row in diagnosed(CASES[name][0]).findings:
        assert ": found " not in row.message
        assert ", expected " not in row.message
        assert ": expected " not in row.message
