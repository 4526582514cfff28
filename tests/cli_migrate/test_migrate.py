"""``keyturn migrate``: what is shown, what is asked, what is written, and how it is taken back."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.cli_migrate.conftest import QUIET, state
from tests.support.command import RunWith
from tests.support.deployments import Deployment

from keyturn.jose.keys import generate, private_jwk, private_pem, public_pem, thumbprint
from keyturn.secret_access import reveal


def test_a_dry_run_shows_the_plan_and_touches_nothing(run: RunWith, legacy: Deployment) -> None:
    before = state(legacy.folder)
    shown = run("migrate", str(legacy.folder), "--dry-run")
    assert shown.code == 0, shown.err
    for words in (
        "1. Every verifier learns the new public keys",
        "2. Auth publishes the new keys and goes on signing HS256",
        "users notice: Realtime sockets reconnect once.",
        "prove: every service refuses forged",
        "+++ docker-compose.override.yml",
    ):
        assert words in shown.out
    assert state(legacy.folder) == before
    assert not (legacy.folder / ".keyturn").exists()
    for secret in (legacy.keys.jwt_secret, legacy.keys.service_role, legacy.keys.anon):
        assert secret not in shown.out + shown.err


def test_nobody_is_taken_for_a_yes(run: RunWith, legacy: Deployment) -> None:
    before = state(legacy.folder)
    refused = run("migrate", str(legacy.folder), "--runner", "true {service}", "--no-probe")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert state(legacy.folder) == before


def test_a_phase_is_carried_out_waits_and_is_taken_back(run: RunWith, legacy: Deployment) -> None:
    folder, before = str(legacy.folder), state(legacy.folder)
    done = run("migrate", folder, *QUIET)
    assert done.code == 0, done.err
    assert "done: Phase 1" in done.out
    assert "0 proofs held" in done.out, "nobody was asked, so nothing was proven"
    assert "Users signed out: not proven; no running service was asked." in done.out
    waits = run("migrate", folder, *QUIET)
    assert waits.code == 75
    standing = run("migrate", "status", folder, "--json").json["change"]
    assert standing["status"] == "running"
    assert standing["waits_until"] > 0
    again = run("migrate", folder, *QUIET)
    assert again.code == 75
    assert "going on with: Phase 2" in again.err
    assert run("migrate", "rollback", folder, *QUIET).code == 0
    assert run("migrate", "rollback", folder, *QUIET).code == 0
    assert state(legacy.folder) == before
    assert run("migrate", "rollback", folder, *QUIET).code == 3


def test_one_step_can_be_undone(run: RunWith, legacy: Deployment) -> None:
    folder = str(legacy.folder)
    run("migrate", folder, *QUIET)
    assert legacy.get("SUPABASE_SECRET_KEY")
    assert run("migrate", "undo", folder, *QUIET).code == 0
    assert not legacy.get("SUPABASE_SECRET_KEY")
    assert legacy.get("JWT_KEYS"), "the step before is still in force"


def test_json_is_one_object_and_progress_goes_to_stderr(run: RunWith, legacy: Deployment) -> None:
    plan = run("migrate", str(legacy.folder), "--dry-run", "--json").json
    assert plan["verb"] == "phase 1"
    assert plan["schema_version"] == 1
    done = run("migrate", str(legacy.folder), *QUIET, "--json")
    assert done.json["status"] == "finished"
    moments = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert {one["moment"] for one in moments} == {"done"} | {one["moment"] for one in moments}


def test_a_plan_is_written_and_applied_later(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder, plan = str(legacy.folder), tmp_path / "plan.json"
    before = state(legacy.folder)
    written = run("migrate", folder, "--out", str(plan), "--no-probe")
    assert written.code == 0, written.err
    assert state(legacy.folder) == before
    for secret in (legacy.keys.jwt_secret, legacy.keys.anon):
        assert secret not in plan.read_text()
    applied = run("migrate", "apply", str(plan), folder, *QUIET)
    assert applied.code == 0, applied.err
    assert legacy.get("JWT_KEYS")


def test_a_plan_with_proofs_is_not_carried_out_without_them(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder, plan = str(legacy.folder), tmp_path / "plan.json"
    run("migrate", folder, "--out", str(plan))
    stopped = run("migrate", "apply", str(plan), folder, *QUIET)
    assert stopped.code == 3
    assert "rollback" in stopped.err


def test_a_plan_is_refused_when_somebody_edited_a_file(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder, plan = str(legacy.folder), tmp_path / "plan.json"
    run("migrate", folder, "--out", str(plan), "--no-probe")
    legacy.write(".env", legacy.text(".env") + "\nEXTRA=1\n")
    before = state(legacy.folder)
    refused = run("migrate", "apply", str(plan), folder, *QUIET)
    assert refused.code == 3
    assert ".env" in refused.err
    assert state(legacy.folder) == before


def test_changed_files_are_written_elsewhere_for_a_pull_request(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    before = state(legacy.folder)
    made = run("migrate", str(legacy.folder), "--output", str(tmp_path / "pr"))
    assert made.code == 0, made.err
    assert state(legacy.folder) == before
    assert not (legacy.folder / ".keyturn").exists()
    assert "JWT_JWKS={" in (tmp_path / "pr" / ".env").read_text()
    assert (tmp_path / "pr" / ".env").stat().st_mode & 0o077 == 0


def test_a_key_of_ones_own_is_taken(run: RunWith, legacy: Deployment, tmp_path: Path) -> None:
    key = tmp_path / "mine.pem"
    key.write_bytes(reveal(private_pem(generate("ES256", kid=None))))
    key.chmod(0o600)
    assert run("migrate", str(legacy.folder), *QUIET, "--key-file", str(key)).code == 0
    converted = run("convert", "--from", str(key), "--kid", "x", "--to", "public-jwk")
    mine = json.loads(converted.out)["x"]
    assert mine in (legacy.get("JWT_KEYS") or "")


def test_an_old_stack_is_refused_with_every_reason(run: RunWith, tmp_path: Path) -> None:
    from tests.support.deployments import healthy

    old = healthy(tmp_path, "2023-kong")
    refused = run("migrate", str(old.folder), "--dry-run")
    assert refused.code == 5
    assert "auth is 2.40.1" in refused.err
    assert "realtime is" in refused.err
    lines = refused.err.splitlines()
    assert lines[0] == "error: 3 things stand in the way:"
    assert [line.strip()[:5] for line in lines[1:]] == ["- doc", "fix: "] * 3
    details = run("migrate", str(old.folder), "--dry-run", "--json").json["details"]
    assert len(details) == 3
    assert details[0]["place"] == "docker-compose.yml:23"
    assert all(one["problem"] and one["remedy"] for one in details)


def test_a_missing_gateway_address_is_asked_for(run: RunWith, legacy: Deployment) -> None:
    for name in ("SUPABASE_PUBLIC_URL", "API_EXTERNAL_URL"):
        if legacy.get(name) is not None:
            legacy.unset(name)
    refused = run("migrate", str(legacy.folder), "--runner", "true {service}", "--yes")
    assert refused.code == 2
    assert "--url" in refused.err


def test_an_algorithm_that_supabase_does_not_sign_is_refused(
    run: RunWith, legacy: Deployment
) -> None:
    refused = run("migrate", str(legacy.folder), "--alg", "HS256")
    assert refused.code == 2
    assert "ES256, RS256 or EdDSA" in refused.err


def test_each_service_is_told_once_in_phase_one(run: RunWith, legacy: Deployment) -> None:
    plan = run("migrate", str(legacy.folder), "--dry-run", "--json").json["plan"]
    told = [one["service"] for one in plan["commands"] if one["kind"] == "recreate"]
    assert sorted(told) == sorted(set(told))
    assert told.index("auth") < told.index("api-gw") < told.index("functions")


def test_nothing_begins_where_nobody_answers(run: RunWith, legacy: Deployment) -> None:
    before = state(legacy.folder)
    runner = ("--runner", "true {service}", "--yes", "--url", "http://127.0.0.1:9")
    refused = run("migrate", str(legacy.folder), *runner)
    assert refused.code == 4
    assert "Nothing was begun" in refused.err
    assert state(legacy.folder) == before
    assert run("migrate", "status", str(legacy.folder), "--json").json["change"] is None
    assert not list(legacy.folder.glob(".keyturn/**/*-write-*")), "no new key is left behind"


def test_a_read_only_file_is_named_and_nothing_is_left_behind(
    run: RunWith, legacy: Deployment
) -> None:
    (legacy.folder / ".env").chmod(0o400)
    before = state(legacy.folder)
    refused = run("migrate", str(legacy.folder), *QUIET)
    assert refused.code == 5
    assert ".env is read-only" in refused.err
    assert state(legacy.folder) == before
    assert not list(legacy.folder.glob(".keyturn/**/*-write-*"))


def test_a_first_step_that_fails_leads_back_to_the_same_command(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text(
        f"#!/bin/sh\n[ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; exit 1; }}\n"
    )
    broken.chmod(0o755)
    before = state(legacy.folder)
    failed = run(
        "migrate", str(legacy.folder), "--yes", "--no-probe", "--runner", f"{broken} {{service}}"
    )
    assert failed.code == 1
    assert "was taken back" in failed.err
    assert state(legacy.folder) == before
    assert run("migrate", str(legacy.folder), *QUIET).code == 0


def test_a_rotation_does_not_go_on_with_a_migration(run: RunWith, legacy: Deployment) -> None:
    folder = str(legacy.folder)
    run("migrate", folder, *QUIET)
    assert run("migrate", folder, *QUIET).code == 75
    before = state(legacy.folder)
    for words in (
        ("rotate", folder),
        ("rotate", folder, "--publish"),
        ("migrate", folder, "--phase", "1"),
    ):
        refused = run(*words, *QUIET)
        assert refused.code == 3, words
        assert "under way: “Phase 2" in refused.err
        assert f"keyturn migrate resume {folder}" in refused.err
    assert state(legacy.folder) == before
    assert run("migrate", folder, "--phase", "2", *QUIET).code == 75


def test_a_file_with_other_keys_than_one_private_key_is_refused(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    key = generate("RS256", kid=None)
    public, private = tmp_path / "public.jwk", tmp_path / "private.pem"
    public.write_text(json.dumps(key.verifying_key().public_jwk()))
    private.write_bytes(reveal(private_pem(key)))
    refused = run("migrate", str(legacy.folder), "--key-file", str(public))
    assert refused.code == 2
    assert "a public key only" in refused.err
    refused = run("migrate", str(legacy.folder), "--key-file", str(private), "--alg", "ES256")
    assert refused.code == 2
    assert "for RS256, not for ES256" in refused.err


def test_a_key_on_another_curve_is_refused_by_name(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    clear, sealed = tmp_path / "p384.pem", tmp_path / "sealed.pem"
    pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    clear.write_bytes(key.private_bytes(*pkcs8, serialization.NoEncryption()))
    sealed.write_bytes(key.private_bytes(*pkcs8, serialization.BestAvailableEncryption(b"word")))
    refused = run("migrate", str(legacy.folder), "--key-file", str(clear))
    assert refused.code == 2
    assert str(clear) in refused.err
    assert "keyturn keys generate" in refused.err
    refused = run("migrate", str(legacy.folder), "--key-file", str(sealed))
    assert f"{sealed}: the PEM key is encrypted" in refused.err
    assert "openssl pkey" in refused.err


def test_two_keys_with_one_name_are_shown_where_they_stand(
    run: RunWith, asymmetric: Deployment
) -> None:
    one, other = asymmetric.keys.ec.kid, asymmetric.keys.standby.kid
    asymmetric.write(".env", asymmetric.text(".env").replace(other, one))
    refused = run("rotate", str(asymmetric.folder), "--dry-run")
    assert refused.code == 5
    assert re.search(rf"\.env:\d+: Two keys in GOTRUE_JWT_KEYS share the kid {one}", refused.err)
    assert "give it another kid" in refused.err


def test_a_file_with_two_private_keys_is_refused_with_both_names(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    one, other = generate("ES256", kid=None), generate("ES256", kid=None)
    texts = [reveal(private_pem(key)) for key in (one, other)]
    two = tmp_path / "two.pem"
    two.write_bytes(b"".join(texts))
    refused = run("migrate", str(legacy.folder), "--dry-run", "--key-file", str(two))
    assert refused.code == 2
    for key in (one, other):
        assert f"ES256 {thumbprint(key.verifying_key())}" in refused.err
    assert "at line 1" in refused.err
    assert "BEGIN line to its END line" in refused.err
    same = tmp_path / "same.pem"
    same.write_bytes(public_pem(one.verifying_key()).encode() + texts[0])
    assert run("migrate", str(legacy.folder), "--dry-run", "--key-file", str(same)).code == 0


def test_a_set_with_two_private_keys_is_refused_with_the_command_that_takes_one(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    keys = [json.loads(reveal(private_jwk(generate("ES256", kid=kid)))) for kid in ("a1", "b2")]
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": keys}))
    refused = run("migrate", str(legacy.folder), "--dry-run", "--key-file", str(jwks))
    assert refused.code == 2
    assert "holds 2: ES256 a1, ES256 b2" in refused.err
    assert f"keyturn convert --from {jwks} --pick a1" in refused.err
