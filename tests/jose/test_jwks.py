from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.jose import jwt
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import (
    AlgNotAllowed,
    InvalidKey,
    Malformed,
    MissingKid,
    TokenRejected,
    UnknownKid,
)
from keyturn.jose.jwks import KeySet, public_jwks
from keyturn.jose.keys import (
    SigningKey,
    VerifyingKey,
    generate,
    private_jwk,
    signing_key_from_secret,
)
from keyturn.secret import Secret
from keyturn.secret_access import reveal

SECRET = "an-old-secret-of-more-than-thirty-two-bytes"  # what a legacy JWT_SECRET looks like
EC_A, EC_B = generate("ES256", kid="a"), generate("ES256", kid="b")
LEGACY = signing_key_from_secret(Secret(SECRET), kid=None)
MIXED = KeySet([EC_A.verifying_key(), EC_B.verifying_key(), LEGACY.verifying_key()])


def document(*jwks: object) -> bytes:
    """A JWKS of these members."""
    return json.dumps({"keys": list(jwks)}).encode()


def secret_jwk(key: SigningKey) -> dict[str, object]:
    """The private JWK of ``key``."""
    jwk: dict[str, object] = json.loads(reveal(private_jwk(key)))
    return jwk


CHOICES: dict[str, tuple[dict[str, object], SigningKey]] = {
    "by name": ({"alg": "ES256", "kid": "a"}, EC_A),
    "by another name": ({"alg": "ES256", "kid": "b"}, EC_B),
    "no name, the key without one": ({"alg": "HS256"}, LEGACY),
    "further members change nothing": (
        {"alg": "ES256", "kid": "a", "jwk": {}, "jku": "https://a.example", "x5c": []},
        EC_A,
    ),
}


@pytest.mark.parametrize("how", CHOICES)
def test_selects(how: str) -> None:
    header, expected = CHOICES[how]
    assert MIXED.select(header) == expected.verifying_key()


REFUSALS: dict[str, tuple[dict[str, object], type[TokenRejected]]] = {
    "unknown name": ({"alg": "ES256", "kid": "c"}, UnknownKid),
    "name in another case": ({"alg": "ES256", "kid": "A"}, UnknownKid),
    "empty name": ({"alg": "ES256", "kid": ""}, UnknownKid),
    "name null never means the nameless key": ({"alg": "HS256", "kid": None}, Malformed),
    "name is a number": ({"alg": "ES256", "kid": 1}, Malformed),
    "name is a list": ({"alg": "ES256", "kid": ["a"]}, Malformed),
    "name is endless": ({"alg": "ES256", "kid": "a" * 20_000}, Malformed),
    "a named HS256 token never reaches the nameless secret": (
        {"alg": "HS256", "kid": "legacy"},
        UnknownKid,
    ),
    "no name, no nameless key of the algorithm": ({"alg": "ES256"}, MissingKid),
    "HMAC with a public key": ({"alg": "HS256", "kid": "a"}, AlgNotAllowed),
    "another hash": ({"alg": "ES512", "kid": "a"}, AlgNotAllowed),
    "none": ({"alg": "none", "kid": "a"}, AlgNotAllowed),
    "none without a name": ({"alg": "none"}, MissingKid),
    "algorithm missing": ({"kid": "a"}, AlgNotAllowed),
    "algorithm null": ({"alg": None, "kid": "a"}, AlgNotAllowed),
    "algorithm is a list": ({"alg": ["ES256"], "kid": "a"}, AlgNotAllowed),
    "algorithm in lower case": ({"alg": "es256", "kid": "a"}, AlgNotAllowed),
}


@pytest.mark.parametrize("how", REFUSALS)
def test_refuses_to_select(how: str) -> None:
    header, reason = REFUSALS[how]
    with pytest.raises(reason):
        MIXED.select(header)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "jwk"]),
        st.none() | st.integers() | st.text(max_size=4) | st.lists(st.text(max_size=2)),
    )
)
def test_whatever_the_header_only_the_named_key_with_its_algorithm_is_chosen(
    header: dict[str, object],
) -> None:
    try:
        key = MIXED.select(header)
    except TokenRejected:
        return
    assert header["alg"] == key.alg
    assert header.get("kid") == key.kid


def test_two_keys_of_one_name_are_refused() -> None:
    twin = generate("ES256", kid="a").verifying_key()
    with pytest.raises(InvalidKey, match='"a"'):
        KeySet([EC_A.verifying_key(), twin])
    with pytest.raises(InvalidKey, match='"a"'):
        KeySet.parse(document(EC_A.verifying_key().public_jwk(), twin.public_jwk()))


def test_two_nameless_keys_of_one_algorithm_are_refused() -> None:
    other = signing_key_from_secret(Secret("b" * 32), kid=None)
    with pytest.raises(InvalidKey, match="HS256"):
        KeySet([LEGACY.verifying_key(), other.verifying_key()])


def test_both_spellings_of_ed25519_select_its_key() -> None:
    key = generate("EdDSA", kid="e").verifying_key()
    for name in ("EdDSA", "Ed25519"):
        assert KeySet([key]).select({"alg": name, "kid": "e"}) == key


def test_a_parsed_verifier_document_is_the_set_it_was_written_from() -> None:
    parsed = KeySet.parse(document(*[secret_jwk(LEGACY), EC_A.verifying_key().public_jwk()]))
    assert list(parsed) == [LEGACY.verifying_key(), EC_A.verifying_key()]
    assert parsed.get("a") == EC_A.verifying_key()
    assert parsed.get("zzz") is None
    assert len(parsed) == 2
    assert KeySet.parse({"keys": []}).ignored == ()


def test_keys_of_unknown_kinds_are_left_out_and_told() -> None:
    parsed = KeySet.parse(document({"kty": "AKP", "pub": "AA"}, EC_A.verifying_key().public_jwk()))
    assert [key.kid for key in parsed] == ["a"]
    assert parsed.ignored == ('key 0: unknown "kty" "AKP"',)


def test_a_bad_key_of_our_own_is_refused_and_its_place_named() -> None:
    bad = EC_B.verifying_key().public_jwk() | {"y": "AAAA"}
    with pytest.raises(InvalidKey, match="key 1: "):
        KeySet.parse(document(EC_A.verifying_key().public_jwk(), bad))


def test_one_bad_published_key_does_not_spoil_the_others() -> None:
    bad = EC_B.verifying_key().public_jwk() | {"y": "AAAA"}
    parsed = KeySet.parse_published(document(bad, EC_A.verifying_key().public_jwk()))
    assert [key.kid for key in parsed] == ["a"]
    assert len(parsed.ignored) == 1


def test_secrets_are_never_taken_from_a_published_document() -> None:
    parsed = KeySet.parse_published(document(secret_jwk(LEGACY), secret_jwk(EC_A)))
    assert len(parsed) == 0
    assert len(parsed.ignored) == 2
    assert SECRET not in str(parsed.ignored)


BROKEN = {
    "nothing": b"",
    "a list": b"[]",
    "no keys": b"{}",
    "keys null": b'{"keys":null}',
    "keys an object": b'{"keys":{}}',
    "a key that is text": b'{"keys":["a"]}',
    "a repeated member": b'{"keys":[],"keys":[]}',
    "65 keys": json.dumps({"keys": [{}] * 65}).encode(),
    "too large": b'{"keys":[],"a":"' + b"a" * 262_144 + b'"}',
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("parse", [KeySet.parse, KeySet.parse_published])
def test_a_broken_document_is_refused(what: str, parse: object) -> None:
    assert callable(parse)
    with pytest.raises(InvalidKey, match="JWKS"):
        parse(BROKEN[what])


SECRET_MEMBERS = {"k", "d", "p", "q", "dp", "dq", "qi", "oth"}


@given(st.permutations(sorted(ALGORITHMS)))
def test_publication_keeps_order_and_never_carries_secrets(algs: list[str]) -> None:
    signing = {alg: KEYS_OF_TEST[alg] for alg in algs}
    published = public_jwks(key.verifying_key() for key in signing.values())
    members = published["keys"]
    assert isinstance(members, list)
    assert [jwk["kid"] for jwk in members] == [alg for alg in signing if alg != "HS256"]
    text = json.dumps(published)
    for jwk in members:
        assert not SECRET_MEMBERS & jwk.keys()
        assert jwk["kty"] != "oct"
    for key in signing.values():
        private = secret_jwk(key)
        assert not any(str(private[name]) in text for name in SECRET_MEMBERS & private.keys())


KEYS_OF_TEST = {alg: generate(alg, kid=alg) for alg in ALGORITHMS}


class Leaky:
    """Material gone wrong: it answers for its public members with everything it has."""

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Nothing verifies."""
        return False

    def members(self) -> dict[str, str]:
        """All members, public and private."""
        return {"crv": "P-256", "x": "public", "d": "private", "k": "private", "new": "private"}

    def pem(self) -> str:
        """Nothing."""
        return ""


def test_the_second_fence_of_publication_stops_what_the_first_let_through() -> None:
    assert "private" not in str(VerifyingKey("ES256", "k", Leaky()).public_jwk())
    assert public_jwks([VerifyingKey("HS256", "k", Leaky())]) == {"keys": []}
    with pytest.raises(InvalidKey):
        VerifyingKey("HS256", "k", Leaky()).public_jwk()


def test_a_removed_key_stops_verifying_at_once(keys: Mapping[str, SigningKey]) -> None:
    """What a set remembers about headers belongs to that set alone."""
    token = jwt.encode({"sub": "a"}, EC_A)
    before, after = KeySet([EC_A.verifying_key()]), KeySet([EC_B.verifying_key()])
    for _ in range(2):
        assert jwt.decode(token, before, Everything()).claims == {"sub": "a"}
        with pytest.raises(UnknownKid):
            jwt.decode(token, after, Everything())


def test_headers_that_never_verified_are_not_remembered() -> None:
    keys = KeySet([EC_A.verifying_key()])
    good = jwt.encode({"sub": "a"}, EC_A)
    header, payload, _ = good.split(".")
    with pytest.raises(TokenRejected):
        jwt.decode(f"{header}.{payload}.{'A' * 86}", keys, Everything())
    assert keys.recall(header.encode()) is None
    jwt.decode(good, keys, Everything())
    assert keys.recall(header.encode()) is not None


class Everything:
    """An acceptance without limits."""

    algorithms = frozenset(ALGORITHMS)
    max_token_bytes = 16_384
