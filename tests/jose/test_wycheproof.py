"""Project Wycheproof's vectors, read from a folder beside the checkout when it is there.

They are test input of others and no part of this repository. Without them each test runs once, as
the row "vectors not present", which says so in the report; nothing is skipped silently.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from keyturn.jose import base64url, jws
from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import InvalidKey, TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import signing_key_from_secret, verifying_key_from_jwk
from keyturn.secret import Secret

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
Group = dict[str, Any]


class Accepting:
    """Every algorithm, tokens of the usual size."""

    algorithms = frozenset(ALGORITHMS)
    max_token_bytes = 16_384


def groups(name: str) -> list[Any]:
    """One parameter per test group of the file ``name``."""
    path = VECTORS / name
    if not path.is_file():
        return [pytest.param({"tests": []}, id="vectors not present")]
    found = json.loads(path.read_text())["testGroups"]
    return [
        pytest.param(group, id=f"{number}-{label(group)}") for number, group in enumerate(found)
    ]


def label(group: Group) -> str:
    """What the group calls itself."""
    return str(group.get("comment") or group.get("keySize") or group["type"])


def wrong(group: Group, accepts: Callable[[Group], bool], known: dict[int, bool]) -> list[int]:
    """The ids of the vectors that were judged otherwise than expected."""
    return [
        test["tcId"]
        for test in group["tests"]
        if accepts(test) != known.get(test["tcId"], test["result"] == "valid")
    ]


def accepts_token(keys: Iterable[dict[str, object]], token: str) -> bool:
    """Whether ``token`` verifies with the key set of ``keys``, read as our own."""
    try:
        jws.verify(token, KeySet.parse({"keys": list(keys)}), Accepting())
    except (InvalidKey, TokenRejected):
        return False
    return True


def public_part(jwk: dict[str, object]) -> dict[str, object]:
    """The verifying half that the holder of ``jwk`` would publish, or the shared secret."""
    return {name: member for name, member in jwk.items() if name not in {"d", "p", "q"}}


# Vectors of json_web_signature_test.json whose label contradicts what stands in the file.
CONTRADICTORY = {
    367: (True, 'labelled "invalid", and byte for byte the "valid" 357'),
    370: (True, 'labelled "invalid", and byte for byte the "valid" 357'),
    372: (False, 'labelled "valid", has "?" in base64url, and the MAC is not of what stands there'),
    373: (False, 'labelled "valid", has "?" in base64url, and the MAC is not of what stands there'),
}
CONTRADICTIONS = {number: verdict for number, (verdict, _) in CONTRADICTORY.items()}
OUT_OF_SCOPE = {"RS384", "RS512", "PS256", "PS384", "PS512", "ES521"}


@pytest.mark.parametrize("group", groups("json_web_signature_test.json"))
def test_compact_signatures(group: Group) -> None:
    jwk = group.get("public") or group.get("private") or {}
    if jwk.get("alg") in OUT_OF_SCOPE:
        assert not any(accepts_token([jwk], test["jws"]) for test in group["tests"])
        return
    assert wrong(group, lambda test: accepts_token([jwk], test["jws"]), CONTRADICTIONS) == []


@pytest.mark.parametrize("number", CONTRADICTORY)
def test_a_contradictory_vector_is_still_contradictory(number: int) -> None:
    """When the file is corrected, the exception has to go."""
    tests: dict[int, Group] = {
        test["tcId"]: test
        for group in groups("json_web_signature_test.json")
        for test in getattr(group, "values", ({"tests": []},))[0]["tests"]
    }
    if not tests:
        return
    verdict, _reason = CONTRADICTORY[number]
    assert (tests[number]["result"] == "valid") is not verdict
    if verdict:
        assert tests[number]["jws"] == tests[357]["jws"]
        assert tests[357]["result"] == "valid"
    else:
        assert "?" in tests[number]["jws"]


# 1 wants sets of shared secrets and public keys refused; Supabase's verifiers read exactly such a
# set, and every key has its own algorithm. 14 and 15 are HS384 and HS512, which do not exist here.
KEY_POLICY = {1: True, 14: False, 15: False}


@pytest.mark.parametrize("group", groups("json_web_key_test.json"))
def test_keys(group: Group) -> None:
    document = group.get("public") or group.get("private") or {"keys": []}
    jwks = [public_part(jwk) for jwk in document["keys"]]
    assert wrong(group, lambda test: accepts_token(jwks, test["jws"]), KEY_POLICY) == []


def from_hex(test: Group, name: str) -> bytes:
    """The bytes of a member."""
    return bytes.fromhex(test[name])


def verifies(jwk: dict[str, object]) -> Callable[[Group], bool]:
    """A judge of raw signatures by ``jwk``."""
    try:
        key = verifying_key_from_jwk(jwk)
    except InvalidKey:
        return lambda _test: False
    return lambda test: key.verify(from_hex(test, "msg"), from_hex(test, "sig"))


def p256_jwk(group: Group) -> dict[str, object]:
    """The JWK of the group's point, from its uncompressed form."""
    point = bytes.fromhex(group["publicKey"]["uncompressed"])
    x, y = (base64url.encode(part).decode() for part in (point[1:33], point[33:]))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


@pytest.mark.parametrize("group", groups("ecdsa_secp256r1_sha256_p1363_test.json"))
def test_es256_signatures(group: Group) -> None:
    if group["tests"]:
        assert wrong(group, verifies(p256_jwk(group)), {}) == []


@pytest.mark.parametrize("group", groups("ed25519_test.json"))
def test_ed25519_signatures(group: Group) -> None:
    if group["tests"]:
        x = base64url.encode(bytes.fromhex(group["publicKey"]["pk"])).decode()
        assert wrong(group, verifies({"kty": "OKP", "crv": "Ed25519", "x": x}), {}) == []


# Right signatures by keys with exponent 3, which are refused.
EXPONENT_3 = {258: False, 259: False}


@pytest.mark.parametrize("group", groups("rsa_signature_2048_sha256_test.json"))
def test_rs256_signatures(group: Group) -> None:
    """Vectors called "acceptable" (a missing NULL in the DigestInfo) are refused."""
    if group["tests"]:
        n, e = (bytes.fromhex(group["publicKey"][name]).lstrip(b"\0") for name in
                ("modulus", "publicExponent"))  # fmt: skip
        jwk = {"kty": "RSA", "n": base64url.encode(n).decode(), "e": base64url.encode(e).decode()}
        assert wrong(group, verifies(dict(jwk)), EXPONENT_3) == []


@pytest.mark.parametrize("group", groups("hmac_sha256_test.json"))
def test_hs256_tags(group: Group) -> None:
    """A truncated tag is never the tag."""
    for test in group["tests"]:
        secret = Secret(from_hex(test, "key"))
        key = signing_key_from_secret(secret, kid=None, allow_short=True).verifying_key()
        expected = test["result"] == "valid" and group["tagSize"] == 256
        assert key.verify(from_hex(test, "msg"), from_hex(test, "tag")) == expected, test["tcId"]
