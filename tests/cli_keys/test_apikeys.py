"""``keyturn apikeys``: shown once, listed by their beginning, revoked by name or by text."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import pytest
from tests.support.command import Run

from keyturn.apikeys import opaque


def test_a_key_is_shown_once_and_then_only_its_beginning(run: Run) -> None:
    made = run("apikeys", "create", "--name", "billing", "--json")
    key = made.json["key"]
    assert opaque.parse(key) == "secret"
    for listed in (run("apikeys", "list"), run("apikeys", "list", "--json")):
        assert "billing" in listed.out
        assert opaque.prefix(key) in listed.out
        assert key not in listed.out
        assert opaque.fingerprint(key) not in listed.out


def test_a_key_says_what_it_is_for(run: Run) -> None:
    said = "invoices, on app-2"
    made = run("apikeys", "create", "--name", "billing", "--description", said, "--json")
    assert made.json["description"] == said
    assert said in run("apikeys", "list").out
    refused = run("apikeys", "create", "--name", "other", "--description", "a\nb", "--json")
    assert (refused.code, refused.json["code"]) == (2, "bad_description")


def test_on_stdout_there_is_the_key_and_nothing_else(run: Run) -> None:
    made = run("apikeys", "create", "--name", "web", "--kind", "publishable")
    assert opaque.parse(made.out.strip()) == "publishable"
    assert "not shown again" in made.err


def test_a_key_may_go_to_a_private_file_instead(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "key"
    made = run("apikeys", "create", "--name", "web", "--output", str(out))
    assert made.code == 0
    key = out.read_text().strip()
    assert opaque.parse(key) == "secret"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert key not in made.out + made.err
    refused = run("apikeys", "create", "--name", "other", "--output", str(out))
    assert refused.code == 5
    assert "other" not in run("apikeys", "list").out, "nothing is made that cannot be handed over"


def test_revocation_is_confirmed_and_final(run: Run) -> None:
    run("apikeys", "create", "--name", "billing")
    assert run("apikeys", "revoke", "billing").code == 2
    assert run("apikeys", "revoke", "billing", "--confirm", "b").code == 2
    dry = run("apikeys", "revoke", "billing", "--dry-run", "--json")
    assert dry.json["applied"] is False
    assert run("apikeys", "revoke", "billing", "--confirm", "billing").code == 0
    assert "billing" not in run("apikeys", "list").out
    assert "revoked" in run("apikeys", "list", "--all").out
    gone = run("apikeys", "revoke", "billing", "--confirm", "billing", "--json")
    assert (gone.code, gone.json["code"]) == (2, "unknown_api_key")


def test_a_leaked_key_is_revoked_from_a_file_but_never_from_the_command_line(
    run: Run, tmp_path: Path
) -> None:
    key = run("apikeys", "create", "--name", "leaked", "--json").json["key"]
    refused = run("apikeys", "revoke", key, "--confirm", key)
    assert refused.code == 2
    assert key not in refused.out + refused.err
    file = tmp_path / "found.txt"
    file.write_text(key + "\n")
    done = run("apikeys", "revoke", "--file", str(file), "--json")
    assert (done.code, done.json["name"]) == (0, "leaked")
    file.write_text(key[:-1])
    assert run("apikeys", "revoke", "--file", str(file)).code == 2


def test_legacy_keys_need_the_legacy_secret(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "jwt_secret"
    secret.write_text("an-old-jwt-secret-with-enough-characters")
    secret.chmod(0o600)
    command = ("apikeys", "create", "--name", "anon", "--kind", "legacy", "--role", "anon")
    assert run("keys", "generate").code == 0
    assert run(*command).code == 2
    assert run("keys", "import", "--legacy", "--file", str(secret)).code == 0
    made = run(*command, "--json")
    claims = jwt.decode(made.json["key"], secret.read_text(), algorithms=["HS256"])
    assert claims["role"] == "anon"


@pytest.mark.parametrize(
    "arguments",
    [
        ("create",),
        ("create", "--name", "Bad Name"),
        ("create", "--name", "x1", "--kind", "legacy"),
        ("create", "--name", "x1", "--role", "anon"),
        ("revoke",),
        ("revoke", "x1", "--file", "y"),
    ],
)
def test_usage_errors_explain_themselves(run: Run, arguments: tuple[str, ...]) -> None:
    refused = run("apikeys", *arguments)
    assert refused.code == 2
    assert refused.err


def test_an_existing_legacy_key_is_accepted_when_the_secret_signed_it(
    run: Run, tmp_path: Path
) -> None:
    secret, key = tmp_path / "jwt_secret", tmp_path / "anon_key"
    secret.write_text("an-old-jwt-secret-with-enough-characters")
    secret.chmod(0o600)
    claims = {"role": "anon", "iss": "supabase", "iat": 1_700_000_000, "exp": 2_000_000_000}
    key.write_text(jwt.encode(claims, secret.read_text(), algorithm="HS256") + "\n")
    command = ("apikeys", "import", "--file", str(key), "--json")
    assert run("keys", "generate").code == 0
    assert run(*command).code == 2
    assert run("keys", "import", "--legacy", "--file", str(secret)).code == 0
    accepted = run(*command)
    assert (accepted.code, accepted.json["role"]) == (0, "anon")
    assert key.read_text().strip() not in accepted.out
    assert run(*command).json["id"] == accepted.json["id"]
    assert run("apikeys", "revoke", "anon", "--confirm", "anon").code == 0
    assert run(*command).json["revoked_at"] is not None, "importing again does not revive it"
    key.write_text(jwt.encode(claims, "another-secret-with-enough-characters!", algorithm="HS256"))
    assert run(*command).json["code"] == "bad_signature"
