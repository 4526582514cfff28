"""What is taken from a published document, and what is said about the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verifier.issuer import NEW, OLD

from keyturn import AlarmKind, CachePolicy
from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import generate, private_jwk
from keyturn.secret_access import reveal
from keyturn.verify import published

POLICY = CachePolicy()
RSA = generate("RS256", kid="rsa")
A, B = (key.verifying_key().public_jwk() for key in (OLD, NEW))
R = RSA.verifying_key().public_jwk()
LEAKED = json.loads(reveal(private_jwk(RSA)))


def kids(document: Any, policy: CachePolicy = POLICY) -> tuple[list[str | None], list[AlarmKind]]:
    """The names of what was taken, and the kinds of alarm."""
    found = published.read(document, policy)
    return [key.kid for key in found.keys], [alarm.kind for alarm in found.alarms]


@pytest.mark.parametrize("leaked", ["d", "p", "q", "dp", "dq", "qi", "oth"])
def test_any_private_member_is_alarming_and_its_key_skipped(leaked: str) -> None:
    document = {"keys": [{**R, leaked: LEAKED.get(leaked, [])}, A]}
    assert kids(document) == (["old"], [AlarmKind.PRIVATE_MEMBERS])


@pytest.mark.parametrize("jwk", [{"kty": "oct", "kid": "x", "k": "c2Vj" * 11}, {**R, "k": "c2Vj"}])
def test_shared_secrets_are_alarming_and_skipped(jwk: dict[str, object]) -> None:
    assert kids({"keys": [jwk, A]}) == (["old"], [AlarmKind.OCT_KEY])


@pytest.mark.parametrize(
    "bad",
    [
        {"kty": "EC", "kid": "p384", "crv": "P-384", "x": "AA", "y": "AA"},
        {"kty": "quantum", "kid": "x"},
        {"kid": "x"},
        {},
        {**A, "kid": "x", "x": "AAAA"},
        {**A, "kid": "x", "use": "enc"},
        {**A, "kid": "x", "alg": "RS256"},
        {**A, "kid": 7},
        {**A, "kid": "x" * 200},
        {**A, "kid": "x", "x5c": ["A" * 9000]},
        {**R, "kid": "x", "e": "Aw"},
        {**R, "kid": "x", "more": object()},
        {**R, "kid": "x", "more": "\ud800"},
    ],
)
def test_one_bad_key_does_not_spoil_the_others(bad: dict[str, object]) -> None:
    assert kids({"keys": [bad, A]}) == (["old"], [AlarmKind.UNUSABLE_KEY])


def test_different_keys_of_one_name_are_all_skipped() -> None:
    twin = {**B, "kid": "old"}
    assert kids({"keys": [A, twin, R]}) == (["rsa"], [AlarmKind.DUPLICATE_KID] * 2)


def test_the_same_key_twice_is_one_key() -> None:
    assert kids({"keys": [A, B, dict(A)]}) == (["old", "new"], [])


def test_keys_without_a_name_are_told_apart_by_their_kind_only() -> None:
    a, b, r = ({**jwk} for jwk in (A, B, R))
    for jwk in (a, b, r):
        del jwk["kid"]
    assert kids({"keys": [a, r]}) == ([None, None], [])
    assert kids({"keys": [a, b, r]}) == ([None], [AlarmKind.DUPLICATE_KID] * 2)


@pytest.mark.parametrize("document", [{"keys": []}, {"keys": [{}]}])
def test_a_set_without_a_usable_key_is_taken_and_alarming(document: Any) -> None:
    names, alarms = kids(document)
    assert names == []
    assert AlarmKind.EMPTY_SET in alarms


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"keys":null}',
        b'{"keys":["x"]}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":[' + b"[" * 1000,
        "\ud800",
        b" " * 262_145,
        {"keys": [{}] * 65},
    ],
)
def test_what_is_not_a_key_set_is_refused_whole(document: Any) -> None:
    with pytest.raises(InvalidKey):
        published.read(document, POLICY)


def test_the_limits_are_those_of_the_policy() -> None:
    many = {"keys": [{**A, "kid": str(number)} for number in range(65)]}
    assert len(kids(many, CachePolicy(max_keys=65))[0]) == 65
    assert kids({"keys": [A]}, CachePolicy(max_key_bytes=10))[0] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
MEMBERS = st.dictionaries(st.sampled_from([*R, *A, "d", "k", "oth"]), JSON, max_size=4)


@given(st.lists(st.builds(lambda edit: {**R, **edit}, MEMBERS), max_size=4), st.booleans())
def test_whatever_is_published_the_honest_key_beside_it_works(
    strange: list[dict[str, Any]], first: bool
) -> None:
    """The oracle: an edited key may be taken only when its numbers are those of the real one."""
    beside = [jwk for jwk in strange if jwk.get("kid") != "old"]
    document = {"keys": [A, *beside] if first else [*beside, A]}
    for key in published.read(document, POLICY).keys:
        honest = {**key.public_jwk(), "kid": None}
        assert honest in ({**A, "kid": None}, {**R, "kid": None})
        assert not key.is_symmetric
    assert "old" in kids(document)[0]
