"""What a change began with is taken up by whoever resumes it or takes it back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli_migrate.conftest import QUIET
from tests.support.command import RunWith
from tests.support.deployments import Deployment

from keyturn.jose.keys import generate, private_pem
from keyturn.secret_access import reveal


def told(path: Path) -> list[str]:
    """Services that the runner of one's own was given."""
    return path.read_text().split() if path.exists() else []


def own_runner(folder: Path, name: str) -> tuple[str, Path]:
    """A runner that writes down what it is told."""
    log, script = folder / f"{name}.log", folder / name
    script.write_text(f'#!/bin/sh\necho "$1" >> {log}\n')
    script.chmod(0o755)
    return f"{script} {{service}}", log


def test_taking_back_uses_the_runner_of_the_start(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder = str(legacy.folder)
    runner, log = own_runner(tmp_path, "redeploy")
    assert run("migrate", folder, "--runner", runner, "--no-probe", "--yes").code == 0
    before = len(told(log))
    assert run("migrate", "status", folder, "--json").json["change"]["runner"] == runner
    assert f"services are told by: {runner}" in run("migrate", "status", folder).out
    undone = run("migrate", "undo", folder, "--yes")
    assert undone.code == 0, undone.err
    assert f"--runner {runner}" in undone.err
    assert len(told(log)) > before


def test_a_runner_given_now_overrides_and_is_remembered_from_then_on(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder = str(legacy.folder)
    first, first_log = own_runner(tmp_path, "first")
    other, other_log = own_runner(tmp_path, "other")
    run("migrate", folder, "--runner", first, "--no-probe", "--yes")
    before = len(told(first_log))
    undone = run("migrate", "undo", folder, "--yes", "--runner", other)
    assert undone.code == 0, undone.err
    assert f"this change began with another --runner: {first}" in undone.err
    assert told(other_log)
    so_far = len(told(other_log))
    assert run("migrate", "rollback", folder, "--yes").code == 0
    assert len(told(other_log)) > so_far
    assert len(told(first_log)) == before


def test_a_runner_that_seems_to_hold_a_credential_is_not_written_down(
    run: RunWith, legacy: Deployment
) -> None:
    folder, secret = str(legacy.folder), "s3cretvalue"
    runner = f"true --token={secret} {{service}}"
    assert run("migrate", folder, "--runner", runner, "--no-probe", "--yes").code == 0
    kept = b"".join(one.read_bytes() for one in legacy.folder.glob(".keyturn/journal*"))
    assert secret.encode() not in kept
    refused = run("migrate", "undo", folder, "--yes")
    assert refused.code == 2
    assert "Give it again: --runner" in refused.err
    assert run("migrate", "undo", folder, "--yes", "--runner", runner).code == 0


def test_a_journal_of_before_is_gone_on_with_as_it_always_was(
    run: RunWith, legacy: Deployment
) -> None:
    folder = str(legacy.folder)
    run("migrate", folder, *QUIET)
    journal = legacy.folder / ".keyturn" / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for one in lines:
        one.pop("chosen", None)
    journal.write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert run("migrate", "rollback", folder, *QUIET).code == 0


def test_another_key_than_that_of_the_phase_under_way_is_refused(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder = str(legacy.folder)
    files = []
    for name in ("mine", "other"):
        file = tmp_path / f"{name}.pem"
        file.write_bytes(reveal(private_pem(generate("ES256", kid=None))))
        files.append(str(file))
    interrupt(run, legacy, tmp_path, "--key-file", files[0])
    refused = run("migrate", folder, *QUIET, "--key-file", files[1])
    assert refused.code == 2
    assert f"the key in {files[1]} would not be used" in refused.err
    assert "keyturn migrate rollback" in refused.err
    again = run("migrate", folder, *QUIET, "--key-file", files[0])
    assert again.code == 0, again.err


def interrupt(run: RunWith, legacy: Deployment, tmp_path: Path, *more: str) -> None:
    """Leave phase 1 under way, as a crash before its last line does."""
    folder = str(legacy.folder)
    done = run("migrate", folder, *QUIET, *more)
    assert done.code == 0, done.err
    journal = legacy.folder / ".keyturn" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "finished"
    journal.write_text("".join(lines[:-1]))


def test_a_reason_that_comes_too_late_is_told(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    interrupt(run, legacy, tmp_path)
    again = run("migrate", str(legacy.folder), *QUIET, "--i-know", "nobody uses them")
    assert again.code == 0
    assert "--i-know comes too late" in again.err


def test_options_of_another_phase_are_not_taken_in_silence(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder = str(legacy.folder)
    file = tmp_path / "mine.pem"
    file.write_bytes(reveal(private_pem(generate("ES256", kid=None))))
    early = run("migrate", folder, "--dry-run", "--i-know", "really")
    assert early.code == 0
    assert "--i-know is for phase 3; phase 1 makes no use of it" in early.err
    assert run("migrate", folder, *QUIET).code == 0
    refused = run("migrate", folder, "--dry-run", "--phase", "2", "--key-file", str(file))
    assert refused.code == 2
    assert "brought in phase 1" in refused.err
    again = run("migrate", folder, "--dry-run", "--phase", "1", "--key-file", str(file))
    assert again.code == 5
    assert "would not be used" in again.err
