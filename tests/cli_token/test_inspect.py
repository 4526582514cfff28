"""``keyturn token inspect``: what a token says, what is odd, and what is not a token."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.command import RunWith

from keyturn.apikeys.opaque import mint
from keyturn.jose import base64url
from keyturn.jose.jwt import encode
from keyturn.jose.keys import generate, signing_key_from_secret
from keyturn.secret import Secret
from keyturn.secret_access import reveal

EC = generate("ES256", kid="a-key")
HS = signing_key_from_secret(Secret("x" * 32), kid=None)
HOUR = 3600


def claims(**others: object) -> dict[str, object]:
    """The claims of an ordinary access token of this minute, changed."""
    now = int(time.time())
    usual = {"iss": "https://a.example/auth/v1", "sub": "u", "aud": "authenticated"}
    return {**usual, "role": "authenticated", "iat": now, "exp": now + HOUR, **others}


def raw(header: object, body: object = None, signature: bytes = b"s" * 64) -> str:
    """A token of any header; nobody signed it."""
    parts = (json.dumps(part).encode() for part in (header, claims() if body is None else body))
    encoded = [base64url.encode(part).decode() for part in parts]
    return ".".join((*encoded, base64url.encode(signature).decode()))


def test_a_good_token_has_no_warnings_and_keeps_its_signature(run: RunWith) -> None:
    token = encode(claims(), EC)
    seen = run("token", "inspect", stdin=token + "\n")
    assert (seen.code, seen.err) == (0, "")
    assert '"kid": "a-key"' in seen.out
    assert "in 59 min" in seen.out or "in 1 h" in seen.out
    assert "64 bytes, not shown, not verified" in seen.out
    assert f"{len(token)} bytes" in seen.out
    assert token.rpartition(".")[2] not in seen.out
    document = run("token", "inspect", "-", "--json", stdin=token).json
    assert (document["kind"], document["verified"], document["warnings"]) == ("jwt", False, [])
    assert document["header"]["alg"] == "ES256"
    assert document["claims"]["sub"] == "u"
    assert HOUR - 60 < document["remaining_seconds"] <= HOUR
    assert document["key"] == {
        "alg": "ES256",
        "kid": "a-key",
        "description": 'the "ES256" key "a-key"',
    }
    assert token.rpartition(".")[2] not in json.dumps(document)


def test_a_file_and_a_whole_header_are_read(run: RunWith, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"Authorization: Bearer {encode(claims(), EC)}\n")
    assert run("token", "inspect", "--file", str(path), "--json").json["kind"] == "jwt"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (raw({"alg": "none"}, signature=b""), "alg_none"),
        (raw({"alg": "NoNe", "kid": "x"}), "alg_none"),
        (raw({"alg": "HS512"}), "alg_unknown"),
        (raw({"typ": "JWT"}), "alg_unknown"),
        (encode(claims(), HS), "shared_secret"),
        (raw({"alg": "ES256"}), "kid_missing"),
        (raw({"alg": "ES256", "kid": "x", "jku": "https://e.example"}), "key_in_header"),
        (raw({"alg": "ES256", "kid": "x", "crit": ["y"]}), "critical_header"),
        (raw({"alg": "ES256", "kid": "x", "typ": "at+jwt"}), "other_kind"),
        (encode(claims(exp=1), EC), "token_expired"),
        (encode(claims(nbf=9_999_999_999), EC), "token_not_yet_valid"),
        (encode(claims(iat=9_999_999_999), EC), "issued_in_future"),
        (encode(claims(exp=int(time.time()) + 999_999), EC), "long_life"),
        (encode(claims(exp=int(time.time() * 1000)), EC), "claim_invalid"),
        (raw({"alg": "ES256", "kid": "x"}, {"sub": "u"}), "no_expiry"),
        (raw({"alg": "ES256", "kid": "x"}, {"sub": "u"}), "unbound"),
        (encode(claims(role="service_role"), EC), "privileged_role"),
        (encode({"role": "anon", "iss": "supabase", "exp": 9_999_999_999}, HS), "legacy_api_key"),
        (encode({"role": "anon", "iss": "supabase-demo", "exp": 2_000_000_000}, HS), "demo_key"),
        (encode(claims(user_metadata="x" * 5000), EC), "large"),
        (encode(claims(user_metadata="x" * 20_000), EC), "malformed"),
        (raw({"alg": "ES256", "kid": "x"}, signature=b""), "malformed"),
    ],
)
def test_what_is_odd_is_a_warning(run: RunWith, token: str, code: str) -> None:
    seen = run("token", "inspect", "--json", stdin=token)
    assert seen.code == 0
    assert code in [row["code"] for row in seen.json["warnings"]]
    assert code in run("token", "inspect", stdin=token).out


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (reveal(mint("publishable", b"p" * 17).secret).decode(), "publishable_api_key"),
        (reveal(mint("secret", b"s" * 17).secret).decode(), "secret_api_key"),
        ("sbp_" + "0" * 40, "personal_access_token"),
        ("-----BEGIN CERTIFICATE-----\nAAAA", "pem"),
        ('{"access_token": "a.b.c", "token_type": "bearer"}', "token_response"),
        ('{"keys": []}', "jwk"),
        ('{"a": 1}', "json"),
        (f'"{encode(claims(), EC)}"', "quoted"),
        ("a.b.c.d.e", "encrypted_token"),
        ("0f0e0d0c-0b0a-4908-8706-050403020100", "uuid"),
        ("abcdefghijkl", "refresh_token"),
        ("AA" + "b" * 60, "refresh_token"),
        (encode(claims(), EC).rpartition(".")[0], "cut_token"),
        ("eyJhbGciOiJFUzI1NiJ9", "cut_token"),
        ("!!.??.", "broken_token"),
        ("correct-horse-battery-staple-and-a-secret", "opaque_text"),
        ("several words of text", "unknown"),
    ],
)
def test_what_is_no_token_is_recognised_and_not_repeated(
    run: RunWith, text: str, kind: str
) -> None:
    seen = run("token", "inspect", "--json", stdin=text)
    assert seen.code == 1
    assert seen.json["kind"] == kind
    assert seen.json["hint"]
    human = run("token", "inspect", stdin=text)
    assert human.code == 1
    for outcome in (seen, human):
        assert len(text) < 20 or text[12:] not in outcome.out + outcome.err


def test_an_api_key_is_sent_where_it_belongs_and_its_checksum_told(run: RunWith) -> None:
    key = reveal(mint("secret", b"k" * 17).secret).decode()
    seen = run("token", "inspect", stdin=f"Bearer {key}")
    assert "apikey" in seen.out
    assert "Authorization: Bearer" in seen.out
    whole = run("token", "inspect", stdin=key).out
    assert "checksum is right" in whole
    wrong = key[:20] + ("A" if key[20] != "A" else "B") + key[21:]
    assert "checksum is not that of" in run("token", "inspect", stdin=wrong).out


def test_a_token_on_the_command_line_is_refused_and_not_repeated(run: RunWith) -> None:
    token = encode(claims(), EC)
    for arguments in (
        ("inspect", token),
        ("verify", token, "--any-issuer", "--any-audience"),
        ("inspect", "--file", token),
        (token,),
    ):
        refused = run("token", *arguments)
        assert refused.code == 2
        assert "command line" in refused.err
        assert token[20:60] not in refused.out + refused.err


def test_nothing_in_a_token_can_steer_a_terminal(run: RunWith) -> None:
    evil = "\x1b]0;owned\x07\u202e\x9b2J"
    token = encode(claims(role=evil, iss=evil), generate("ES256", kid="k"))
    for arguments in (
        ("inspect",),
        ("verify", "--jwks-file", "keys.json", "--issuer", "x", "--any-audience"),
    ):
        Path("keys.json").write_text('{"keys": []}')
        out = run("token", *arguments, stdin=token).out
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(out)


def test_an_empty_input_and_a_missing_file_are_said(run: RunWith) -> None:
    assert run("token", "inspect", stdin="\n").code == 2
    assert run("token", "inspect", "--file", "absent").code == 2
    assert run("token", "inspect", "-", "--file", "absent").code == 2


def test_it_starts_without_a_database_driver() -> None:
    script = (
        "import sys; sys.argv = ['keyturn', 'token', 'inspect']\n"
        "from keyturn.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'asyncpg', 'starlette', 'uvicorn'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input="x", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
