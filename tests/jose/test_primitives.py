"""OpenSSL and AWS-LC give the same verdicts on everything that is known about ES256."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.jose import test_rfc_examples as rfc
from tests.jose import test_wycheproof as wycheproof
from tests.verify.forge import EC, GOOD, JWK, NOW, POLICY
from tests.verify.test_attacks_on_keys import ATTACKS

from keyturn.errors import UsageError
from keyturn.jose import ec_p256, ec_primitive, jws
from keyturn.jose.ec_primitive import PrimitiveName, use_primitive
from keyturn.jose.errors import TokenRejected
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import verifying_key_from_jwk
from keyturn.verify.token import verify

NAMES: tuple[PrimitiveName, ...] = ("openssl", "aws-lc")


@pytest.fixture(params=NAMES)
def primitive(request: pytest.FixtureRequest) -> Iterator[PrimitiveName]:
    """Each primitive in turn; OpenSSL again afterwards."""
    name = cast(PrimitiveName, request.param)
    use_primitive(name)
    yield name
    use_primitive("openssl")


def test_keys_read_from_now_on_use_it(primitive: PrimitiveName) -> None:
    check = verifying_key_from_jwk(json.loads(JWK)).material
    assert isinstance(check, ec_p256.EcPublic)
    assert ("_aws_lc" in check.check.__qualname__) == (primitive == "aws-lc")


def test_good_tokens_and_rfc_examples_verify(primitive: PrimitiveName) -> None:
    keys = KeySet([verifying_key_from_jwk(json.loads(JWK))])
    assert verify(GOOD, keys, POLICY, now=NOW)["role"] == "authenticated"
    rfc.test_the_example_verifies("RFC 7515 A.3 (ES256)")
    rfc.test_the_example_with_any_one_character_changed_does_not("RFC 7515 A.3 (ES256)")


@pytest.mark.parametrize("attack", [name for name in ATTACKS if name[:2] in {"14", "16"}])
def test_attacks_on_signatures_fail(primitive: PrimitiveName, attack: str) -> None:
    token, code = ATTACKS[attack]
    with pytest.raises(TokenRejected) as rejected:
        verify(token, KeySet([verifying_key_from_jwk(json.loads(JWK))]), POLICY, now=NOW)
    assert rejected.value.code == code


def test_wycheproof_agrees(primitive: PrimitiveName) -> None:
    for group in wycheproof.groups("ecdsa_secp256r1_sha256_p1363_test.json"):
        wycheproof.test_es256_signatures(value(group))
    for group in wycheproof.groups("json_web_signature_test.json"):
        if (value(group).get("public") or {}).get("alg") == "ES256":
            wycheproof.test_compact_signatures(value(group))


def value(group: Any) -> Any:
    """The group in a parameter set, or the group itself."""
    return group.values[0] if hasattr(group, "values") and not isinstance(group, dict) else group


@settings(max_examples=60)
@given(st.binary(min_size=64, max_size=64) | st.just(b""), st.integers(0, 511))
def test_both_give_one_verdict_on_any_signature(noise: bytes, flipped: int) -> None:
    message = b"header.payload"
    honest = bytearray(EC.sign(message))
    honest[flipped // 8] ^= 1 << flipped % 8
    for signature in (noise, bytes(honest), EC.sign(message)):
        verdicts = []
        for name in NAMES:
            use_primitive(name)
            verdicts.append(verifying_key_from_jwk(json.loads(JWK)).verify(message, signature))
        use_primitive("openssl")
        assert verdicts[0] == verdicts[1]


def test_an_unknown_or_missing_one_is_refused_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    with pytest.raises(UsageError, match="openssl or aws-lc"):
        use_primitive(cast(Any, "boring"))
    monkeypatch.setattr(ec_primitive, "import_module", missing)
    with pytest.raises(UsageError, match="missing"):
        use_primitive("aws-lc")
    assert jws.verify(GOOD, KeySet([EC.verifying_key()]), POLICY)


def test_one_that_accepts_everything_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lenient:
        """A wheel that has lost its judgement."""

        class EC:
            """Its keys."""

            @classmethod
            def new_key_from_der_data(cls, _der: bytes) -> Any:
                return cls()

            def verify(self, _digest: bytes, _der: bytes) -> bool:
                return True

    monkeypatch.setattr(ec_primitive, "import_module", lambda _name: Lenient)
    with pytest.raises(UsageError, match="RFC 6979"):
        use_primitive("aws-lc")
