"""``keyturn token mint``: short-lived, logged, never privileged by accident, never on a screen."""

from __future__ import annotations

import base64
import json
import os
import pty
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import Database
from tests.support.command import RunWith

from keyturn.flows.token_mint import MintRequest, PrivilegedRole, check
from keyturn.jose.jwt import peek
from keyturn.secret_access import reveal

USER = "6b1b0b1e-0e0a-4e5e-9c58-6b1b0b1e0e0a"


def test_a_token_for_a_pipe(run: RunWith, ring: dict[str, str]) -> None:
    minted = run(
        *("token", "mint", "--sub", USER, "--issuer", "https://a.example", "--ttl", "60"),
        *("--claim", 'app_metadata={"plan": "free"}', "--claim", "n=1"),
    )
    assert minted.code == 0
    assert minted.out.count("\n") == 1
    assert ring["in_use"] in minted.err
    header, claims = peek(minted.out.strip())
    assert header == {"alg": "ES256", "kid": ring["in_use"], "typ": "JWT"}
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 60
    assert abs(int(str(claims["iat"])) - time.time()) < 30
    assert (claims["sub"], claims["role"], claims["aud"]) == (USER, *("authenticated",) * 2)
    assert (claims["app_metadata"], claims["n"]) == ({"plan": "free"}, 1)
    judged = run(
        *("token", "verify", "--issuer", "https://a.example", "--audience", "authenticated"),
        stdin=minted.out,
    )
    assert judged.code == 0


def test_the_usual_life_is_five_minutes_and_an_hour_the_longest(
    run: RunWith, ring: dict[str, str]
) -> None:
    del ring
    claims = run("token", "mint", "--json").json["claims"]
    assert claims["exp"] - claims["iat"] == 300
    for ttl in ("0", "-1", "3601"):
        assert run("token", "mint", "--ttl", ttl).code == 2
    assert run("token", "mint", "--ttl", "3600").code == 0


@pytest.mark.parametrize("role", ["service_role", "supabase_admin", "postgres"])
def test_privileged_roles_want_a_yes_that_the_environment_cannot_give(
    run: RunWith, ring: dict[str, str], role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del ring
    for name in ("YES", "KEYTURN_YES", "KEYTURN_TOKEN_MINT_YES", "TOKEN_MINT_YES"):
        monkeypatch.setenv(name, "1")
    refused = run("token", "mint", "--role", role, "--json")
    assert (refused.code, refused.json["code"]) == (5, "privileged_role")
    minted = run("token", "mint", "--role", role, "--yes", "--reason", "a drill")
    assert peek(minted.out.strip()).claims["role"] == role


@pytest.mark.parametrize(
    "role", ["Service_Role", " service_role", "supabase_storage_admin", "pg_read_all_data"]
)
def test_no_spelling_leads_around_the_yes(role: str) -> None:
    with pytest.raises(PrivilegedRole):
        check(MintRequest(role))
    check(MintRequest(role, confirmed=True))
    check(MintRequest("editor"))


@pytest.mark.parametrize("name", ["role", "exp", "iat", "nbf", "sub", "aud", "iss"])
def test_no_claim_leads_around_the_limits(run: RunWith, ring: dict[str, str], name: str) -> None:
    del ring
    refused = run("token", "mint", "--claim", f'{name}="service_role"')
    assert refused.code == 2
    assert name in refused.err


def test_claims_that_are_no_json(run: RunWith, ring: dict[str, str]) -> None:
    del ring
    for word in ("plan=hidden-word", "plan", "=1", "x=NaN", "x=1e999", 'x=1,"role":2', "x=[1"):
        refused = run("token", "mint", "--claim", word)
        assert (refused.code, refused.out) == (2, ""), word
        assert "hidden-word" not in refused.err
    assert run("token", "mint", "--claim", "a=1", "--claim", "a=2").code == 2


def test_every_token_is_in_the_audit_log(run: RunWith, ring: dict[str, str]) -> None:
    minted = run("token", "mint", "--sub", USER, "--reason", "a drill", "--actor", "carol")
    log = run("keys", "list", "--log", "1", "--json").json["log"][0]
    assert (log["verb"], log["subject_id"]) == ("mint_token", ring["in_use"])
    assert log["reason"] == f"role authenticated, sub {USER}, 300 s: a drill"
    assert log["actor"].startswith("carol (by ")
    assert minted.out.strip() not in json.dumps(log)


def test_a_file_is_new_and_private(run: RunWith, ring: dict[str, str], tmp_path: Path) -> None:
    del ring
    path = tmp_path / "token"
    minted = run("token", "mint", "--output", str(path), "--json")
    assert minted.code == 0
    token = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert peek(token).claims["role"] == "authenticated"
    assert minted.json["token"] is None
    assert token.rpartition(".")[2] not in minted.out + minted.err
    again = run("token", "mint", "--output", str(path), "--json")
    assert (again.code, again.json["code"]) == (5, "file_exists")
    assert path.read_text().strip() == token


def test_a_terminal_sees_it_only_on_request(ring: dict[str, str]) -> None:
    del ring

    def on_terminal(*arguments: str) -> tuple[int, str]:
        shown, terminal = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "keyturn", "token", "mint", *arguments],
            stdout=terminal,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        os.close(terminal)
        try:
            text = os.read(shown, 65536).decode()
        except OSError:
            text = ""
        os.close(shown)
        return done.returncode, text

    assert on_terminal() == (5, "")
    code, text = on_terminal("--show")
    assert code == 0
    assert text.startswith("eyJ")
    code, text = on_terminal("--json")
    assert code == 5
    assert "eyJ" not in text


def test_it_needs_the_master_key(
    run: RunWith, ring: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del ring
    monkeypatch.delenv("KEYTURN_MASTER_KEY")
    refused = run("token", "mint")
    assert (refused.code, refused.out) == (1, "")
    assert "master" in refused.err


def test_an_empty_ring_cannot_sign(
    run: RunWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYTURN_DATABASE_URL", reveal(database.auth_dsn).decode())
    monkeypatch.setenv("KEYTURN_MASTER_KEY", base64.b64encode(os.urandom(32)).decode())
    refused = run("token", "mint", "--json")
    assert (refused.code, refused.json["code"]) == (3, "ring_not_initialised")


def test_a_legacy_key_in_use_signs_tokens_without_kid(
    run: RunWith, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KEYTURN_DATABASE_URL", reveal(database.auth_dsn).decode())
    monkeypatch.setenv("KEYTURN_MASTER_KEY", base64.b64encode(os.urandom(32)).decode())
    file = tmp_path / "secret"
    file.write_text("s" * 40)
    file.chmod(0o600)
    assert run("keys", "import", "--file", str(file), "--alg", "HS256").code == 0
    minted = run("token", "mint")
    assert peek(minted.out.strip()).header == {"alg": "HS256", "typ": "JWT"}
    judged = run("token", "verify", "--any-issuer", "--any-audience", stdin=minted.out)
    assert judged.code == 0
