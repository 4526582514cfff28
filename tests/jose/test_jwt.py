from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from keyturn.jose import jwt
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import AlgNotAllowed, Malformed
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import SigningKey, generate, signing_key_from_secret
from keyturn.secret import Secret


@dataclass(frozen=True)
class Accepting:
    """What a test accepts."""

    algorithms: frozenset[str] = frozenset(ALGORITHMS)
    max_token_bytes: int = 16_384


def segments(token: str) -> list[bytes]:
    """The decoded header and payload."""
    return [base64.urlsafe_b64decode(part + "==") for part in token.split(".")[:2]]


def test_the_header_is_byte_for_byte_what_gotrue_writes() -> None:
    key = generate("ES256", kid="b81269f1-21d8-4f2e-b719-c2240a840d90")
    header, payload = segments(jwt.encode({"b": 1, "a": {"d": None, "c": "é"}}, key))
    expected = '{"alg":"ES256","kid":"b81269f1-21d8-4f2e-b719-c2240a840d90","typ":"JWT"}'
    assert header == expected.encode()
    assert payload == '{"b":1,"a":{"d":null,"c":"é"}}'.encode(), "order of the claims is kept"


def test_a_key_without_a_name_writes_no_kid() -> None:
    legacy = signing_key_from_secret(Secret("s" * 32), kid=None)
    assert segments(jwt.encode({}, legacy))[0] == b'{"alg":"HS256","typ":"JWT"}'


def test_what_is_encoded_is_decoded(key: SigningKey) -> None:
    claims = {"sub": "é😀", "exp": 2**40, "n": [1, 2.5, None, True, {"a": []}]}
    decoded = jwt.decode(jwt.encode(claims, key), KeySet([key.verifying_key()]), Accepting())
    assert decoded.claims == claims
    assert decoded.header == {"alg": key.alg, "kid": key.kid, "typ": "JWT"}


def test_what_one_caller_does_to_header_or_claims_no_other_sees(key: SigningKey) -> None:
    keys = KeySet([key.verifying_key()])
    token = jwt.encode({"role": "anon"}, key)
    for _ in range(3):
        decoded = jwt.decode(token, keys, Accepting())
        assert decoded.header == {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        assert decoded.claims == {"role": "anon"}
        decoded.header["alg"] = "none"
        decoded.claims["role"] = "service_role"


def test_signatures_have_the_length_that_the_algorithm_says(keys: Mapping[str, SigningKey]) -> None:
    lengths = {"ES256": 64, "RS256": 256, "EdDSA": 64, "HS256": 32}
    for alg, length in lengths.items():
        for text in ("", "a", "é" * 50):
            assert len(keys[alg].sign(text.encode())) == length


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", True, None, [1]])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_times_that_are_no_numbers_are_not_signed(
    name: str, value: object, keys: Mapping[str, SigningKey]
) -> None:
    with pytest.raises(jwt.UnsignableClaims, match=name):
        jwt.encode({name: value}, keys["HS256"])


@pytest.mark.parametrize("value", [object(), "\ud800", {1j: 1}])
def test_what_json_cannot_carry_is_not_signed(
    value: object, keys: Mapping[str, SigningKey]
) -> None:
    with pytest.raises(jwt.UnsignableClaims):
        jwt.encode({"a": value}, keys["HS256"])


def test_a_key_is_refused_when_its_algorithm_is_not_accepted(key: SigningKey) -> None:
    others = frozenset(ALGORITHMS) - {key.alg}
    token, keys = jwt.encode({}, key), KeySet([key.verifying_key()])
    jwt.decode(token, keys, Accepting())
    with pytest.raises(AlgNotAllowed, match=key.alg):
        jwt.decode(token, keys, Accepting(algorithms=others))


def test_a_token_of_the_longest_length_passes_and_one_byte_more_does_not(key: SigningKey) -> None:
    token, keys = jwt.encode({"a": "b" * 100}, key), KeySet([key.verifying_key()])
    jwt.decode(token, keys, Accepting(max_token_bytes=len(token)))
    with pytest.raises(Malformed, match="longer than"):
        jwt.decode(token, keys, Accepting(max_token_bytes=len(token) - 1))


def test_peek_shows_without_verifying(key: SigningKey) -> None:
    token = jwt.encode({"sub": "a"}, key)
    forged = token.rpartition(".")[0] + ".AAAA"
    peeked = jwt.peek(forged)
    assert peeked.claims == {"sub": "a"}
    assert peeked.header["alg"] == key.alg


@pytest.mark.parametrize("token", ["", "a", "..", "a.b", "a.b.c", "!.!.!", "e30.e30", "é.e30.AA"])
def test_peek_refuses_what_is_no_token(token: str) -> None:
    with pytest.raises(Malformed):
        jwt.peek(token)


def test_deterministic_algorithms_give_the_same_token_twice(keys: Mapping[str, SigningKey]) -> None:
    for alg in ("HS256", "RS256", "EdDSA"):
        assert jwt.encode({"a": 1}, keys[alg]) == jwt.encode({"a": 1}, keys[alg])
    assert jwt.encode({"a": 1}, keys["ES256"]) != jwt.encode({"a": 1}, keys["ES256"])


def test_the_payload_is_the_json_that_everybody_else_reads(key: SigningKey) -> None:
    claims = {"a": "<b>&", "u": "\u2028", "f": 1.5, "i": -1, "e": ""}
    assert json.loads(segments(jwt.encode(claims, key))[1]) == claims


def test_an_es256_signature_has_no_shorter_spelling(keys: Mapping[str, SigningKey]) -> None:
    """When the second number starts with a zero byte, leaving it out changes no number."""
    key, message = keys["ES256"], b"message"
    signature = next(made for made in iter(lambda: key.sign(message), b"") if made[32] == 0)
    assert key.verifying_key().verify(message, signature)
    assert not key.verifying_key().verify(message, signature[:32] + signature[33:])
