from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from keyturn.jose.errors import InvalidKey
from keyturn.jose.keys import (
    SigningKey,
    base64_pem,
    private_pem,
    public_pem,
    signing_key_from_pem,
    verifying_key_from_pem,
)
from keyturn.jose.material import PemForm
from keyturn.secret import Secret
from keyturn.secret_access import reveal

FORMS: list[tuple[str, PemForm, bytes]] = [
    ("ES256", "pkcs8", b"-----BEGIN PRIVATE KEY-----"),
    ("ES256", "sec1", b"-----BEGIN EC PRIVATE KEY-----"),
    ("RS256", "pkcs8", b"-----BEGIN PRIVATE KEY-----"),
    ("RS256", "pkcs1", b"-----BEGIN RSA PRIVATE KEY-----"),
    ("EdDSA", "pkcs8", b"-----BEGIN PRIVATE KEY-----"),
]


@pytest.mark.parametrize(("alg", "form", "armour"), FORMS)
def test_private_pem_is_read_back_as_the_same_key(
    alg: str, form: PemForm, armour: bytes, keys: Mapping[str, SigningKey]
) -> None:
    pem = private_pem(keys[alg], form)
    assert reveal(pem).startswith(armour)
    for stated in (alg, None):
        again = signing_key_from_pem(pem, stated, kid=keys[alg].kid)
        assert (again.alg, again.verifying_key()) == (alg, keys[alg].verifying_key())


@pytest.mark.parametrize(("alg", "form", "armour"), FORMS)
def test_base64_of_pem_is_one_line_and_read_back(
    alg: str, form: PemForm, armour: bytes, keys: Mapping[str, SigningKey]
) -> None:
    line = base64_pem(private_pem(keys[alg], form))
    assert b"\n" not in reveal(line)
    again = signing_key_from_pem(line, alg, kid=keys[alg].kid)
    assert again.verifying_key() == keys[alg].verifying_key()


def test_base64_that_was_wrapped_is_read(keys: Mapping[str, SigningKey]) -> None:
    line = reveal(base64_pem(private_pem(keys["ES256"]))).decode()
    wrapped = "\r\n".join(textwrap.wrap(line, 64)) + "\n"
    again = signing_key_from_pem(wrapped.encode(), "ES256", kid="kid-ES256")
    assert again.verifying_key() == keys["ES256"].verifying_key()


def test_public_pem_is_read_back_as_the_same_key(asymmetric: SigningKey) -> None:
    public = asymmetric.verifying_key()
    pem = public_pem(public)
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")
    assert verifying_key_from_pem(pem, None, kid=public.kid) == public
    assert verifying_key_from_pem(pem.encode(), public.alg, kid=public.kid) == public


@pytest.mark.parametrize(
    ("alg", "form"),
    [("ES256", "pkcs1"), ("RS256", "sec1"), ("EdDSA", "sec1"), ("HS256", "pkcs8")],
)
def test_a_form_that_the_kind_does_not_have_is_refused(
    alg: str, form: PemForm, keys: Mapping[str, SigningKey]
) -> None:
    with pytest.raises(InvalidKey, match="no"):
        private_pem(keys[alg], form)


def test_a_shared_secret_has_no_public_pem(keys: Mapping[str, SigningKey]) -> None:
    with pytest.raises(InvalidKey):
        public_pem(keys["HS256"].verifying_key())


@pytest.mark.parametrize(("alg", "form", "armour"), FORMS)
def test_pem_for_another_algorithm_is_refused(
    alg: str, form: PemForm, armour: bytes, keys: Mapping[str, SigningKey]
) -> None:
    for wanted in {"ES256", "RS256", "EdDSA", "HS256"} - {alg}:
        with pytest.raises(InvalidKey, match="another kind"):
            signing_key_from_pem(private_pem(keys[alg], form), wanted, kid="k")


def test_the_wrong_half_is_refused(asymmetric: SigningKey) -> None:
    with pytest.raises(InvalidKey, match="a private key"):
        signing_key_from_pem(public_pem(asymmetric.verifying_key()).encode(), None, kid="k")
    with pytest.raises(InvalidKey, match="a public key"):
        verifying_key_from_pem(reveal(private_pem(asymmetric)), None, kid="k")


def test_an_encrypted_key_is_refused_with_the_way_out() -> None:
    encrypted = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")
    )
    with pytest.raises(InvalidKey, match="encrypted") as refused:
        signing_key_from_pem(encrypted, "ES256", kid="k")
    assert "openssl pkey -in" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not pem",
        b"bm90IHBlbQ==",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"\xff\xfe" * 100,
        b"A" * 40_000,
    ],
)
def test_text_that_is_no_key_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidKey):
        signing_key_from_pem(Secret(text), None, kid="k")
    with pytest.raises(InvalidKey):
        verifying_key_from_pem(text, None, kid="k")
