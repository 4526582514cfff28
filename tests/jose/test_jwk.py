from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from keyturn.jose.algs import ALGORITHMS
from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import (
    SigningKey,
    VerifyingKey,
    generate,
    private_jwk,
    signing_key_from_jwk,
    signing_key_from_secret,
    thumbprint,
    verifying_key_from_jwk,
)
from keyturn.secret import Secret
from keyturn.secret_access import reveal

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def private_document(key: SigningKey) -> dict[str, object]:
    """The private JWK of ``key`` as a mutable dict."""
    document: dict[str, object] = json.loads(reveal(private_jwk(key)))
    return document


def test_a_private_jwk_is_read_back_as_the_same_key(key: SigningKey) -> None:
    again = signing_key_from_jwk(private_document(key))
    assert again.verifying_key() == key.verifying_key()
    assert key.verifying_key().verify(b"signed", again.sign(b"signed"))


def test_a_private_jwk_has_the_members_that_gotrue_reads(key: SigningKey) -> None:
    document = private_document(key)
    assert document["kid"] == f"kid-{key.alg}"
    assert document["alg"] == key.alg
    assert document["use"] == "sig"
    assert document["key_ops"] == ["sign", "verify"]
    assert document["ext"] is True
    assert document["kty"] == ALGORITHMS[key.alg].kty


def test_a_key_that_is_not_the_signer_is_written_and_read_as_such(key: SigningKey) -> None:
    document = json.loads(reveal(private_jwk(key, key_ops=("verify",))))
    assert document["key_ops"] == ["verify"]
    assert signing_key_from_jwk(document).alg == key.alg


def test_a_public_jwk_is_read_back_as_the_same_key(asymmetric: SigningKey) -> None:
    public = asymmetric.verifying_key().public_jwk()
    assert verifying_key_from_jwk(public) == asymmetric.verifying_key()


def test_a_public_jwk_has_the_members_that_gotrue_publishes(keys: Mapping[str, SigningKey]) -> None:
    assert set(keys["ES256"].verifying_key().public_jwk()) == {
        "kty", "kid", "use", "key_ops", "alg", "crv", "x", "y",
    }  # fmt: skip
    assert keys["ES256"].verifying_key().public_jwk()["key_ops"] == ["verify"]


def test_an_hs256_key_has_no_public_form(keys: Mapping[str, SigningKey]) -> None:
    key = keys["HS256"].verifying_key()
    with pytest.raises(InvalidKey):
        key.public_jwk()
    with pytest.raises(InvalidKey):
        thumbprint(key)


def test_every_p256_coordinate_and_scalar_is_32_bytes_wide() -> None:
    """A leading zero byte occurs once in 256 keys and coordinates; 43 characters always."""
    for number in range(600):
        document = private_document(generate("ES256", kid=str(number)))
        assert {len(str(document[name])) for name in ("x", "y", "d")} == {43}


def test_kid_given_by_the_caller_wins(key: SigningKey) -> None:
    assert signing_key_from_jwk(private_document(key), kid="other").kid == "other"


def test_alg_is_derived_from_the_key_when_the_jwk_names_none(key: SigningKey) -> None:
    document = private_document(key)
    del document["alg"]
    assert signing_key_from_jwk(document).alg == key.alg


def test_rfc_9864_name_of_ed25519_is_understood(keys: Mapping[str, SigningKey]) -> None:
    document = private_document(keys["EdDSA"]) | {"alg": "Ed25519"}
    assert signing_key_from_jwk(document).alg == "EdDSA"


def other(key: SigningKey) -> dict[str, object]:
    """The private JWK of a fresh key of the same kind."""
    return private_document(generate(key.alg, kid="other"))


def flipped(text: object) -> str:
    """``text`` with its first character replaced by another one of the alphabet."""
    first, rest = str(text)[0], str(text)[1:]
    return ("A" if first != "A" else "B") + rest


# What is done to the JWK of which algorithm (private members are there, too).
DAMAGE: dict[str, tuple[str, dict[str, object]]] = {
    "unknown kty": ("ES256", {"kty": "AKP"}),
    "kty in lower case": ("ES256", {"kty": "ec"}),
    "kty is no text": ("ES256", {"kty": ["EC"]}),
    "kty of another kind": ("ES256", {"kty": "RSA"}),
    "oct made of an EC key": ("ES256", {"kty": "oct", "crv": None}),
    "another curve": ("ES256", {"crv": "P-384"}),
    "no curve": ("ES256", {"crv": None}),
    "alg of another curve": ("ES256", {"alg": "ES384"}),
    "alg that does not exist": ("ES256", {"alg": "ES521"}),
    "alg in lower case": ("ES256", {"alg": "es256"}),
    "alg none": ("ES256", {"alg": "none"}),
    "alg of another kind": ("ES256", {"alg": "HS256"}),
    "alg is no text": ("ES256", {"alg": None}),
    "RSA key for RS512": ("RS256", {"alg": "RS512"}),
    "RSA key for PS256": ("RS256", {"alg": "PS256"}),
    "RSA key for encryption": ("RS256", {"alg": "RSA-OAEP"}),
    "oct for AES": ("HS256", {"alg": "A256GCM"}),
    "Ed448": ("EdDSA", {"crv": "Ed448"}),
    "X25519": ("EdDSA", {"crv": "X25519"}),
    "use for encryption": ("ES256", {"use": "enc"}),
    "use is null": ("ES256", {"use": None}),
    "key_ops for encryption": ("ES256", {"key_ops": ["encrypt"]}),
    "key_ops for encryption too": ("ES256", {"key_ops": ["verify", "sign", "encrypt"]}),
    "key_ops empty": ("ES256", {"key_ops": []}),
    "key_ops twice": ("ES256", {"key_ops": ["verify", "verify"]}),
    "key_ops is text": ("ES256", {"key_ops": "sign verify"}),
    "key_ops is null": ("ES256", {"key_ops": None}),
    "key_ops with a number": ("ES256", {"key_ops": ["verify", "sign", 1]}),
    "kid is a number": ("ES256", {"kid": 1}),
    "kid is empty": ("ES256", {"kid": ""}),
    "kid is too long": ("ES256", {"kid": "k" * 129}),
    "kid has a newline": ("ES256", {"kid": "a\nb"}),
    "x missing": ("ES256", {"x": None}),
    "x with padding": ("ES256", {"x": "A" * 43 + "="}),
    "x of 31 bytes": ("ES256", {"x": "A" * 42}),
    "x of 33 bytes": ("ES256", {"x": "A" * 44}),
    "the point (0, 0)": ("ES256", {"x": "A" * 43, "y": "A" * 43}),
    "x beyond the field": ("ES256", {"x": "_" * 42 + "8"}),
    "x is a number": ("ES256", {"x": 1}),
    "x is endless": ("ES256", {"x": "A" * 4096}),
    "d is zero": ("ES256", {"d": "A" * 43}),
    "d beyond the order": ("ES256", {"d": "_" * 42 + "8"}),
    "d of 31 bytes": ("ES256", {"d": "A" * 42}),
    "exponent 1": ("RS256", {"e": "AQ"}),
    "exponent 3": ("RS256", {"e": "Aw"}),
    "even exponent": ("RS256", {"e": "AQAA"}),
    "exponent with a leading zero": ("RS256", {"e": "AAEAAQ"}),
    "enormous exponent": ("RS256", {"e": "_" * 342 + "w"}),
    "multi-prime": ("RS256", {"oth": []}),
    "p missing": ("RS256", {"p": None}),
    "Ed25519 x of 31 bytes": ("EdDSA", {"x": "A" * 42}),
    "k missing": ("HS256", {"k": None}),
    "k empty": ("HS256", {"k": ""}),
    "k of 31 bytes": ("HS256", {"k": "A" * 42}),
    "k with padding": ("HS256", {"k": "A" * 43 + "="}),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_private_jwk_is_refused_with(what: str, keys: Mapping[str, SigningKey]) -> None:
    alg, changes = DAMAGE[what]
    document = private_document(keys[alg]) | changes
    missing = {"x", "k", "p", "crv"}
    document = {n: m for n, m in document.items() if not (m is None and n in missing)}
    with pytest.raises(InvalidKey) as refused:
        signing_key_from_jwk(document)
    for name in PRIVATE & private_document(keys[alg]).keys():
        assert str(private_document(keys[alg])[name]) not in refused.value.message


@pytest.mark.parametrize("member", ["x", "y", "d"])
def test_an_ec_half_of_another_key_is_refused(member: str, keys: Mapping[str, SigningKey]) -> None:
    document = private_document(keys["ES256"]) | {member: other(keys["ES256"])[member]}
    with pytest.raises(InvalidKey):
        signing_key_from_jwk(document)


@pytest.mark.parametrize("member", ["x", "d"])
def test_an_ed25519_half_of_another_key_is_refused(
    member: str, keys: Mapping[str, SigningKey]
) -> None:
    document = private_document(keys["EdDSA"]) | {member: other(keys["EdDSA"])[member]}
    with pytest.raises(InvalidKey):
        signing_key_from_jwk(document)


@pytest.mark.parametrize("member", ["n", "d", "p", "q", "dp", "dq", "qi"])
def test_an_rsa_number_that_does_not_fit_is_refused(
    member: str, keys: Mapping[str, SigningKey]
) -> None:
    document = private_document(keys["RS256"])
    with pytest.raises(InvalidKey):
        signing_key_from_jwk(document | {member: flipped(document[member])})


def test_a_public_jwk_with_private_members_is_refused_and_says_what_to_do(
    asymmetric: SigningKey,
) -> None:
    with pytest.raises(InvalidKey, match="private members") as refused:
        verifying_key_from_jwk(private_document(asymmetric))
    assert refused.value.hint is not None
    assert "replace that key" in refused.value.hint


@pytest.mark.parametrize("operations", [["sign"], ["encrypt"], [], ["verify", "wrapKey"]])
def test_a_public_jwk_that_may_not_verify_is_refused(
    operations: list[str], keys: Mapping[str, SigningKey]
) -> None:
    public = keys["ES256"].verifying_key().public_jwk() | {"key_ops": operations}
    with pytest.raises(InvalidKey, match="key_ops"):
        verifying_key_from_jwk(public)


def test_a_short_secret_is_refused_unless_it_is_imported_on_purpose() -> None:
    with pytest.raises(InvalidKey, match="expected at least 32"):
        signing_key_from_secret(Secret("x" * 31), kid=None)
    short = signing_key_from_secret(Secret("x" * 31), kid=None, allow_short=True)
    assert short.verifying_key().verify(b"a", short.sign(b"a"))
    with pytest.raises(InvalidKey):
        signing_key_from_secret(Secret(""), kid=None, allow_short=True)


def test_an_unknown_algorithm_is_refused_by_name() -> None:
    for name in ("none", "RS1", "ES384", "hs256", ""):
        with pytest.raises(InvalidKey, match="ES256, RS256, EdDSA, HS256"):
            generate(name, kid="k")


def test_a_key_calls_its_algorithm_by_the_name_that_keyturn_writes(
    keys: Mapping[str, SigningKey],
) -> None:
    assert generate("Ed25519", kid="k").alg == "EdDSA"
    material = keys["EdDSA"].material
    with pytest.raises(InvalidKey, match='call its algorithm "EdDSA"'):
        SigningKey("Ed25519", "k", material)
    with pytest.raises(InvalidKey, match='call its algorithm "EdDSA"'):
        VerifyingKey("Ed25519", "k", material.public())


def test_a_public_key_without_a_name_is_published_and_read_without_one() -> None:
    public = generate("ES256", kid=None).verifying_key()
    assert "kid" not in public.public_jwk()
    assert verifying_key_from_jwk(public.public_jwk()) == public
    assert verifying_key_from_jwk(public.public_jwk(), kid="given").kid == "given"


def test_keys_are_equal_by_name_and_material(keys: Mapping[str, SigningKey]) -> None:
    one, other = (generate("HS256", kid="k").verifying_key() for _ in range(2))
    assert one != other
    assert one == VerifyingKey("HS256", "k", one.material)
    assert len({one, VerifyingKey("HS256", "k", one.material)}) == 1
    assert one != VerifyingKey("HS256", "other", one.material)
    assert keys["ES256"].verifying_key() != generate("ES256", kid="kid-ES256").verifying_key()
