"""``keyturn convert``: any form into any other, and no secret into a public one."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from tests.support.command import RunWith

from keyturn.jose.forms import read
from keyturn.jose.keys import generate, private_jwk, private_pem, thumbprint
from keyturn.secret import Secret
from keyturn.secret_access import reveal

PUBLIC = ("public-jwk", "public-jwks", "public-pem", "public-pem-base64")
PRIVATE = (
    "private-jwk",
    "private-pem",
    "private-pem-openssl",
    "private-pem-base64",
    "gotrue-jwt-keys",
    "article-jwt-keys",
)
KID = "the-key"


@pytest.fixture(params=["ES256", "RS256", "EdDSA"])
def private(request: pytest.FixtureRequest) -> str:
    """A private JWK as text."""
    return reveal(private_jwk(generate(request.param, kid=KID))).decode()


def convert(run: RunWith, text: str, to: str, *more: str) -> str:
    """What ``convert --to`` makes of ``text``."""
    flags = () if to in PUBLIC else ("--private",)
    made = run("convert", "--from", "-", "--to", to, *flags, *more, stdin=text)
    assert made.code == 0, made.err
    return made.out


def identity(text: str) -> str:
    """The thumbprint of the one key in ``text``, whatever its form."""
    (held,) = read(Secret(text)).keys
    return thumbprint(held.verifying)


def test_every_private_form_becomes_every_form_and_stays_the_same_key(
    run: RunWith, private: str
) -> None:
    before = identity(private)
    for first, then in itertools.product(PRIVATE, PRIVATE + PUBLIC):
        middle = convert(run, private, first)
        named = () if "pem" not in first else ("--kid", KID)
        assert identity(convert(run, middle, then, *named)) == before, (first, then)


def test_public_forms_become_public_forms_only(run: RunWith, private: str) -> None:
    for first in PUBLIC:
        public = convert(run, private, first)
        for then in PUBLIC:
            named = () if "pem" not in first else ("--kid", KID)
            assert identity(convert(run, public, then, *named)) == identity(private)
        refused = run("convert", "--from", "-", "--to", "private-jwk", "--private", stdin=public)
        assert refused.code == 2
        assert "private half is not here" in refused.err


@pytest.mark.parametrize("form", PUBLIC)
def test_no_public_form_holds_a_private_member(run: RunWith, private: str, form: str) -> None:
    secret = json.loads(private)["d"]
    made = convert(run, private, form)
    assert secret not in made
    assert "PRIVATE" not in made
    assert '"d"' not in made


def test_a_shared_secret_has_no_public_form(run: RunWith) -> None:
    secret = "s" * 40
    for form in PUBLIC:
        made = run("convert", "--from", "-", "--to", form, "--alg", "HS256", stdin=secret)
        assert made.code == 2
        assert "no public half" in made.err
        assert secret not in made.err + made.out


def test_a_mixed_set_is_published_without_its_shared_secret(run: RunWith, private: str) -> None:
    shared = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "alg": "HS256"}
    mixed = json.dumps([json.loads(private), shared])
    published = json.loads(convert(run, mixed, "public-jwks"))
    assert [key["kid"] for key in published["keys"]] == [KID]
    verifying = json.loads(convert(run, mixed, "verifier-jwks"))
    assert [key["kty"] for key in verifying["keys"]][-1] == "oct"
    assert "kid" not in verifying["keys"][-1]


def test_private_forms_want_to_be_asked_for(run: RunWith, private: str) -> None:
    made = run("convert", "--from", "-", "--to", "gotrue-jwt-keys", stdin=private)
    assert made.code == 5
    assert "--private" in made.err
    assert made.out == ""


def test_a_line_of_an_env_file_is_read_as_compose_reads_it(run: RunWith, private: str) -> None:
    array = json.dumps([json.loads(private)])
    for line in (f"JWT_KEYS={array}", f"export JWT_KEYS='{array}'\n"):
        assert identity(convert(run, line, "public-jwk")) == identity(private)


def test_the_articles_pem_may_spell_its_line_ends(run: RunWith) -> None:
    key = generate("ES256", kid=None)
    text = reveal(private_pem(key)).decode().replace("\n", "\\n")
    article = json.dumps([{"alg": "ES256", "key_id": "mine", "private_key": text}])
    made = json.loads(convert(run, article, "public-jwk"))
    assert made["kid"] == "mine"
    assert thumbprint(key.verifying_key()) == identity(json.dumps(made))


def test_two_signing_keys_are_not_an_array_for_auth(run: RunWith) -> None:
    rows = [json.loads(reveal(private_jwk(generate("ES256", kid=name)))) for name in "ab"]
    both = json.dumps(rows)
    refused = run("convert", "--from", "-", "--to", "gotrue-jwt-keys", "--private", stdin=both)
    assert refused.code == 2
    assert "2 keys could sign" in refused.err
    rows[1]["key_ops"] = ["verify"]
    array = json.loads(convert(run, json.dumps(rows), "gotrue-jwt-keys"))
    assert [row["key_ops"] for row in array] == [["sign", "verify"], ["verify"]]
    assert "d" in array[1], "a standby keeps its private half"
    picked = convert(run, both, "public-jwk", "--pick", "b")
    assert json.loads(picked)["kid"] == "b"


BAD = {
    "damaged PEM": ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----", "read"),
    "broken JSON": ('{"kty": "EC",', "line 1, column"),
    "a set without keys": ('{"keys": []}', "0 keys"),
    "not an object": ("[1]", "key 0 is not a JSON object"),
    "unknown kind": ('[{"kty":"XYZ"}]', "key 0:"),
    "plain text": ("just-a-password", "HS256"),
    "nothing": ("", "empty"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_named_and_never_quoted(run: RunWith, what: str) -> None:
    text, said = BAD[what]
    made = run("convert", "--from", "-", "--to", "public-jwk", stdin=text)
    assert made.code == 2
    assert said in made.err
    assert not text or text not in made.err


def test_an_encrypted_pem_is_told_apart(run: RunWith, tmp_path: Path) -> None:
    text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIH\n-----END ENCRYPTED PRIVATE KEY-----"
    made = run("convert", "--from", "-", "--to", "public-jwk", stdin=text)
    assert made.code == 2
    assert "PEM" in made.err


def test_nothing_is_overwritten(run: RunWith, private: str, tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text("mine")
    made = run(
        "convert", "--from", "-", "--to", "public-jwk", "--output", str(there), stdin=private
    )
    assert made.code == 5
    assert there.read_text() == "mine"
