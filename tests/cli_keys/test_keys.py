"""``keyturn keys`` as a person or a script uses it: answers, refusals and exit codes."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from tests.support.command import Run

from keyturn.jose.keys import generate, private_jwk, private_pem, public_pem
from keyturn.secret_access import reveal

FORCE = ("--force", "--reason", "a drill")


@pytest.fixture
def ring(run: Run) -> dict[str, str]:
    """Fill the ring; returns the kid of each state."""
    assert run("keys", "generate").code == 0
    return kids(run)


def kids(run: Run) -> dict[str, str]:
    """Return one kid per state."""
    return {key["state"]: key["kid"] for key in run("keys", "list", "--json").json["keys"]}


def test_an_empty_ring_says_how_to_fill_it(run: Run) -> None:
    assert "keys generate" in run("keys", "list").out
    empty = run("keys", "rotate", "--json")
    assert (empty.code, empty.json["code"]) == (3, "ring_not_initialised")


def test_list_shows_what_may_happen_next_and_needs_no_master_key(
    run: Run, ring: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYTURN_MASTER_KEY")
    text = run("keys", "list").out
    for line in text.splitlines()[1:]:
        state, kid = line.split()[:2]
        assert ring[state] == kid
    assert "may sign from" in text
    listed = run("keys", "list", "--json").json
    assert listed["schema_version"] == 1
    standby = next(key for key in listed["keys"] if key["state"] == "standby")
    assert standby["may_sign_from"] > standby["published_at"]


def test_a_rotation_too_early_ends_with_75_and_the_time(run: Run, ring: dict[str, str]) -> None:
    early = run("keys", "rotate", "--json")
    assert (early.code, early.json["code"]) == (75, "wait_not_over")
    published = next(
        key for key in run("keys", "list", "--json").json["keys"] if key["state"] == "standby"
    )["published_at"]
    from datetime import datetime

    waited = early.json["until"] - datetime.fromisoformat(published).timestamp()
    assert 1200 <= waited <= 1201
    assert kids(run) == ring


def test_force_needs_a_reason_and_the_log_keeps_both(run: Run, ring: dict[str, str]) -> None:
    refused = run("keys", "rotate", "--force")
    assert refused.code == 2
    assert "--reason" in refused.err
    assert run("keys", "rotate", *FORCE, "--actor", "carol").code == 0
    log = run("keys", "list", "--log", "3", "--json").json["log"]
    promoted = next(entry for entry in log if entry["verb"] == "promote")
    assert promoted["reason"] == "a drill"
    assert promoted["overridden"].startswith("publish before sign")
    assert promoted["actor"].startswith("carol (by ")
    assert "a drill" in run("keys", "list", "--log", "3").out


def test_a_dry_run_changes_nothing(run: Run, ring: dict[str, str]) -> None:
    for command in (("rotate",), ("promote", ring["standby"]), ("revoke", ring["standby"])):
        shown = run("keys", *command, "--dry-run", *FORCE, "--json")
        assert shown.code == 0, shown
        assert shown.json["applied"] is False
        assert shown.json["changes"]
    shown = run("keys", "rotate", "--dry-run", *FORCE)
    assert "forced: publish before sign" in shown.out
    assert shown.out.endswith("nothing was changed (a new key's name is an example)\n")
    assert kids(run) == ring


def test_a_dry_run_without_a_new_key_speaks_of_none(run: Run, ring: dict[str, str]) -> None:
    assert run("keys", "generate").code == 0
    shown = run("keys", "revoke", ring["standby"], "--dry-run")
    assert shown.out.endswith("nothing was changed\n")


def test_rotate_with_expect_may_be_repeated(run: Run, ring: dict[str, str]) -> None:
    """A job that rotates twice by mistake is told that it was done."""
    again = ("keys", "rotate", "--expect", ring["in_use"], "--json", *FORCE)
    first = run(*again)
    assert (first.code, first.json["in_use"]) == (0, ring["standby"])
    second = run(*again)
    assert (second.code, second.json["code"]) == (3, "already_rotated")
    assert kids(run)["in_use"] == ring["standby"]


def test_promote_what_is_in_use_already_is_a_normal_ending(run: Run, ring: dict[str, str]) -> None:
    done = run("keys", "promote", ring["in_use"], "--json")
    assert (done.code, done.json["code"]) == (3, "already_rotated")


def test_the_key_in_use_cannot_be_revoked_and_the_way_out_is_named(
    run: Run, ring: dict[str, str]
) -> None:
    used = ring["in_use"]
    refused = run("keys", "revoke", used, "--confirm", used, *FORCE)
    assert refused.code == 5
    assert f"rotate --revoke --confirm {used}" in refused.err
    done = run("keys", "rotate", "--revoke", "--confirm", used, *FORCE)
    assert done.code == 0, done.err
    assert kids(run) == {
        "in_use": ring["standby"],
        "revoked": used,
        "standby": kids(run)["standby"],
    }


@pytest.mark.parametrize(
    ("command", "target"), [("revoke", "standby"), ("delete", "standby"), ("rotate", "in_use")]
)
def test_what_ends_trust_wants_the_name_typed(
    run: Run, ring: dict[str, str], command: str, target: str
) -> None:
    named = ("--revoke",) if command == "rotate" else (ring[target],)
    for confirm in ((), ("--confirm", "yes"), ("--confirm", ring[target][:-1])):
        refused = run("keys", command, *named, *confirm)
        assert refused.code in (2, 3), refused
    assert kids(run) == ring


def test_rotate_revoke_of_a_key_that_is_no_longer_in_use_changes_nothing(
    run: Run, ring: dict[str, str]
) -> None:
    assert run("keys", "rotate", *FORCE).code == 0
    before = kids(run)
    refused = run("keys", "rotate", "--revoke", "--confirm", ring["in_use"], *FORCE)
    assert refused.code == 3
    assert kids(run) == before


def test_a_key_is_retired_after_its_tokens_and_deleted_after_that(
    run: Run, ring: dict[str, str]
) -> None:
    used = ring["in_use"]
    assert run("keys", "rotate", *FORCE).code == 0
    early = run("keys", "revoke", used, "--confirm", used, "--json")
    assert (early.code, early.json["code"]) == (75, "wait_not_over")
    assert run("keys", "delete", used, "--confirm", used).code == 3
    assert run("keys", "revoke", used, "--confirm", used, *FORCE).code == 0
    assert run("keys", "delete", used, "--confirm", used).code == 0
    assert used not in kids(run).values()
    gone = run("keys", "delete", used, "--confirm", used, "--json")
    assert (gone.code, gone.json["code"]) == (2, "unknown_key")


def test_an_unknown_algorithm_is_a_usage_error(run: Run) -> None:
    for alg in ("none", "ES384", "es256", ""):
        refused = run("keys", "generate", "--alg", alg)
        assert refused.code == 2
        assert "ES256, RS256, EdDSA, HS256" in refused.err


def test_a_pem_from_elsewhere_signs_after_its_promotion(
    run: Run, ring: dict[str, str], tmp_path: Path
) -> None:
    own = generate("ES256", kid="ours")
    file = tmp_path / "key.pem"
    file.write_bytes(reveal(private_pem(own, "sec1")))
    file.chmod(0o600)
    done = run("keys", "import", "--file", str(file), "--kid", "ours", "--json")
    assert done.code == 0, done
    assert done.json["changes"][0]["to"] == "standby"
    assert run("keys", "promote", "ours", *FORCE).code == 0
    exported = run("keys", "export", "ours", "--format", "private-jwk", "--private")
    assert json.loads(exported.out) == json.loads(reveal(private_jwk(own)))


def test_a_jwt_secret_is_imported_to_verify_only(
    run: Run, ring: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "jwt_secret"
    file.write_text("the-old-jwt-secret-of-this-deployment\n")
    done = run("keys", "import", "--legacy", "--file", str(file), "--json")
    assert done.json["changes"][0]["to"] == "previously_used"
    keys = json.loads(run("keys", "export", "--format", "verifier-jwks", "--private").out)["keys"]
    (shared,) = (key for key in keys if key["kty"] == "oct")
    assert "kid" not in shared
    token = jwt.encode({"a": 1}, "the-old-jwt-secret-of-this-deployment", algorithm="HS256")
    assert jwt.decode(token, jwt.PyJWK(shared).key, algorithms=["HS256"]) == {"a": 1}
    second = run("keys", "import", "--legacy", "--file", str(file), "--json")
    assert (second.code, second.json["code"]) == (3, "duplicate_key")


def test_a_file_that_others_may_read_is_pointed_out(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "jwt_secret"
    file.write_text("s" * 40)
    file.chmod(0o644)
    assert "others may read" in run("keys", "import", "--alg", "HS256", "--file", str(file)).err


def test_a_short_secret_may_verify_what_it_signed_but_not_become_a_new_key(
    run: Run, ring: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "short"
    file.write_text("s" * 31)
    take = ("keys", "import", "--file", str(file), "--alg", "HS256")
    refused = run(*take, "--kid", "weak", "--json")
    assert (refused.code, refused.json["code"]) == (2, "invalid_key")
    assert kids(run) == ring
    done = run(*take, "--kid", "weak", "--verify-only")
    assert done.code == 0
    assert "has 31 bytes" in done.err
    assert done.out.startswith("import    weak")
    assert kids(run)["previously_used"] == "weak"


def test_a_public_key_only_verifies(run: Run, ring: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(public_pem(generate("RS256", kid="theirs").verifying_key()))
    done = run("keys", "import", "--file", str(file), "--kid", "theirs", "--json")
    assert done.json["changes"] == [
        done.json["changes"][0] | {"kid": "theirs", "to": "previously_used"}
    ]
    published = json.loads(run("keys", "export").out)["keys"]
    assert "theirs" in [key["kid"] for key in published]


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"{", b'{"keys":[]}', b"-----BEGIN PRIVATE KEY-----\nAAAA\n", b"\xff\xfe\x00"],
)
def test_what_is_no_key_is_refused_without_repeating_it(
    run: Run, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    refused = run("keys", "import", "--file", str(file))
    assert refused.code == 2
    assert "Traceback" not in refused.err
    assert "hello" not in refused.err
    assert kids(run) == {}


def test_private_forms_want_to_be_asked_for(run: Run, ring: dict[str, str]) -> None:
    for form in ("gotrue-jwt-keys", "verifier-jwks", "article-jwt-keys"):
        refused = run("keys", "export", "--format", form)
        assert refused.code == 2
        assert refused.out == ""
    assert run("keys", "export", "--format", "private-pem", "--private").code == 2
    assert run("keys", "export", ring["in_use"], "--format", "private-pem").code == 2


def test_an_export_to_a_file_is_private_complete_and_never_overwrites(
    run: Run, ring: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "keys.json"
    command = ("keys", "export", "--format", "gotrue-jwt-keys", "--private", "--output", str(out))
    assert run(*command).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    content = out.read_bytes()
    assert len(json.loads(content)) == 2
    again = run(*command)
    assert (again.code, out.read_bytes()) == (5, content)
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_private_keys_do_not_go_to_a_terminal(run: Run, ring: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "keyturn", "keys", "export", "--private",
             "--format", "gotrue-jwt-keys"],
            stdout=theirs, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 5
    assert b"terminal" in done.stderr
    assert b"--output" in done.stderr


def test_the_wrong_master_key_is_named_and_nothing_changes(
    run: Run, ring: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64

    right = os.environ["KEYTURN_MASTER_KEY"]
    wrong = base64.b64encode(bytes(32)).decode()
    monkeypatch.setenv("KEYTURN_MASTER_KEY", wrong)
    refused = run("keys", "rotate", *FORCE, "--json")
    assert refused.json["code"] == "unknown_master_key"
    assert kids(run) == ring
    monkeypatch.setenv("KEYTURN_MASTER_KEY", f"{wrong},{right}")
    assert run("keys", "rotate", *FORCE).code == 0


def test_resealing_lets_the_old_master_key_go(
    run: Run, ring: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64

    old, new = os.environ["KEYTURN_MASTER_KEY"], base64.b64encode(bytes(range(32))).decode()
    monkeypatch.setenv("KEYTURN_MASTER_KEY", f"{new},{old}")
    assert sorted(run("keys", "reseal", "--json").json["resealed"]) == sorted(ring.values())
    assert run("keys", "reseal", "--json").json["resealed"] == []
    monkeypatch.setenv("KEYTURN_MASTER_KEY", new)
    assert run("keys", "rotate", *FORCE).code == 0


def test_a_database_that_is_away_is_exit_4(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYTURN_DATABASE_URL", "postgresql://u:hush@127.0.0.1:1/postgres")
    away = run("keys", "list")
    assert away.code == 4
    assert "hush" not in away.err


def test_without_any_database_the_ways_to_name_one_are_listed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYTURN_DATABASE_URL")
    lost = run("keys", "list")
    assert lost.code == 2
    assert "KEYTURN_DATABASE_URL" in lost.err
