"""The rules for claims, against plain arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.errors import UsageError
from keyturn.jose import base64url, jwt
from keyturn.jose.errors import ClaimInvalid, ClaimMissing, TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import generate
from keyturn.verify import claims as rules
from keyturn.verify.policy import Policy
from keyturn.verify.token import verify

NOW = datetime(2026, 11, 23, 22, 5, tzinfo=UTC)
UNIX = int(NOW.timestamp())
KEY = generate("EdDSA", kid="k")
KEYS = KeySet([KEY.verifying_key()])
EDDSA = frozenset({"EdDSA"})
OPEN = Policy(algorithms=EDDSA, issuer=None, audience=None, require=frozenset())
OFFSETS = st.integers(-200, 200)


def verdict(claims: dict[str, object], policy: Policy) -> str:
    """The code of the rejection, or "accepted"."""
    try:
        rules.check(claims, policy, UNIX)
    except TokenRejected as rejected:
        return rejected.code
    return "accepted"


@given(OFFSETS, OFFSETS, OFFSETS, st.integers(0, 100), st.booleans())
def test_times_are_judged_by_the_arithmetic_of_the_rfc(
    exp: int, nbf: int, iat: int, leeway: int, check_iat: bool
) -> None:
    policy = Policy(
        algorithms=EDDSA, issuer=None, audience=None, leeway=leeway, check_iat=check_iat
    )
    claims: dict[str, object] = {"exp": UNIX + exp, "nbf": UNIX + nbf, "iat": UNIX + iat}
    if exp + leeway <= 0:
        expected = "token_expired"
    elif nbf > leeway:
        expected = "token_not_yet_valid"
    elif check_iat and iat > leeway:
        expected = "issued_in_future"
    else:
        expected = "accepted"
    assert verdict(claims, policy) == expected


def test_a_token_is_expired_in_the_very_second_that_exp_names() -> None:
    assert verdict({"exp": UNIX}, OPEN) == "token_expired"
    assert verdict({"exp": UNIX + 1}, OPEN) == "accepted"
    assert verdict({"nbf": UNIX}, OPEN) == "accepted"
    assert verdict({"nbf": UNIX + 1}, OPEN) == "token_not_yet_valid"


def test_the_zone_of_now_does_not_matter() -> None:
    token = jwt.encode({"exp": UNIX + 1}, KEY)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=14)))
    assert verify(token, KEYS, OPEN, now=elsewhere) == {"exp": UNIX + 1}


NAMES = st.sampled_from(["a", "b", "c", "ab"])


@given(NAMES | st.lists(NAMES, max_size=3), NAMES | st.frozensets(NAMES, min_size=1))
def test_an_audience_is_met_by_any_common_name(
    found: str | list[str], accepted: str | frozenset[str]
) -> None:
    policy = Policy(algorithms=EDDSA, issuer=None, audience=accepted, require=frozenset())
    ours = {accepted} if isinstance(accepted, str) else set(accepted)
    theirs = {found} if isinstance(found, str) else set(found)
    expected = "accepted" if ours & theirs else "audience_mismatch"
    assert verdict({"aud": found}, policy) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
)
CLAIM_NAMES = st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "role", "jti", "other"])


@given(st.dictionaries(CLAIM_NAMES, JSON))
def test_whatever_the_claims_are_the_verdict_is_a_rejection_or_none(
    claims: dict[str, object],
) -> None:
    strict = Policy(algorithms=EDDSA, issuer="i", audience="a", check_iat=True)
    for policy in (OPEN, strict):
        assert isinstance(verdict(claims, policy), str)


@given(st.dictionaries(CLAIM_NAMES, JSON), st.frozensets(CLAIM_NAMES))
def test_what_is_required_is_there_in_whatever_is_accepted(
    claims: dict[str, object], require: frozenset[str]
) -> None:
    policy = Policy(algorithms=EDDSA, issuer=None, audience=None, require=require)
    if verdict(claims, policy) == "accepted":
        assert all(claims.get(name) is not None for name in require)


def test_a_rejection_names_the_claim() -> None:
    with pytest.raises(ClaimMissing, match='"session_id"'):
        rules.check({}, Policy(algorithms=EDDSA, issuer=None, audience=None,
                               require=frozenset({"session_id"})), UNIX)  # fmt: skip
    with pytest.raises(ClaimInvalid, match='"nbf"'):
        rules.check({"nbf": "soon"}, OPEN, UNIX)


def test_milliseconds_are_recognised_as_such() -> None:
    with pytest.raises(ClaimInvalid) as rejected:
        rules.check({"exp": UNIX * 1000}, OPEN, UNIX)
    assert rejected.value.hint == "the issuer may be writing milliseconds"


def test_the_ten_years_of_legacy_api_keys_are_accepted() -> None:
    assert verdict({"iss": "supabase", "role": "anon", "exp": UNIX + 315_360_000}, OPEN) == (
        "accepted"
    )


def test_further_kinds_of_token_are_accepted_where_the_policy_names_them() -> None:
    signing_input = base64url.encode(b'{"alg":"EdDSA","kid":"k","typ":"at+jwt"}') + b".e30"
    token = (signing_input + b"." + base64url.encode(KEY.sign(signing_input))).decode()
    both = Policy(
        algorithms=EDDSA,
        issuer=None,
        audience=None,
        require=frozenset(),
        types=frozenset({"at+jwt"}),
    )
    assert verify(token, KEYS, both, now=NOW) == {}
    with pytest.raises(TokenRejected, match="typ"):
        verify(token, KEYS, OPEN, now=NOW)
    with pytest.raises(TokenRejected, match="typ"):
        verify(jwt.encode({}, KEY), KEYS, both, now=NOW)


def test_a_policy_that_could_not_mean_anything_is_refused() -> None:
    for algorithms in (frozenset[str](), frozenset({"none"}), frozenset({"ES256", "HS512"})):
        with pytest.raises(UsageError, match="algorithms"):
            Policy(algorithms=algorithms, issuer=None, audience=None)
    with pytest.raises(UsageError):
        Policy(algorithms=EDDSA, issuer="", audience=None)
    for audience in ("", frozenset[str]()):
        with pytest.raises(UsageError):
            Policy(algorithms=EDDSA, issuer=None, audience=audience)
    with pytest.raises(UsageError, match="leeway"):
        Policy(algorithms=EDDSA, issuer=None, audience=None, leeway=-1)


def test_the_last_second_of_the_year_9999_is_a_time_and_the_next_one_is_not() -> None:
    assert verdict({"exp": rules.LAST_SECOND}, OPEN) == "accepted"
    assert verdict({"exp": rules.LAST_SECOND + 1}, OPEN) == "claim_invalid"


@pytest.mark.parametrize(("role", "said"), [("r" * 63, "accepted"), ("r" * 64, "claim_invalid")])
def test_a_role_has_as_many_bytes_as_postgresql_keeps_of_a_name(role: str, said: str) -> None:
    assert verdict({"role": role}, OPEN) == said
    wide = "é" * (len(role) // 2) + "r" * (len(role) % 2)
    assert verdict({"role": wide}, OPEN) == said
