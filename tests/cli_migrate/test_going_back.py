"""``undo``, ``rollback``, ``status`` and ``resume``: shown before, asked, and never a dead end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli_migrate.conftest import QUIET, Hours, state
from tests.support.command import RunWith
from tests.support.deployments import Deployment


def through_phase(number: int, folder: str, run: RunWith, hours: Hours) -> None:
    """Take the deployment to the end of a phase."""
    assert run("migrate", folder, *QUIET).code == 0
    if number > 1:
        assert run("migrate", folder, *QUIET).code == 75
        hours.pass_by(minutes=21)
        assert run("migrate", folder, *QUIET).code == 0
    if number > 2:
        hours.pass_by(hours=2)
        assert run("migrate", folder, *QUIET, "--i-know", "tested").code == 0


@pytest.mark.parametrize("verb", ["undo", "rollback"])
def test_it_is_shown_and_asked_before_it_is_taken_back(
    run: RunWith, legacy: Deployment, verb: str
) -> None:
    folder = str(legacy.folder)
    run("migrate", folder, *QUIET)
    now = state(legacy.folder)
    asked = run("migrate", verb, folder)
    assert asked.code == 2
    assert "Add --yes" in asked.err
    shown = run("migrate", verb, folder, "--dry-run")
    assert shown.code == 0
    for text in (asked.err, shown.out):
        assert "This takes back: Phase 1" in text
        assert "files as they were: docker-compose.override.yml, .env" in text
        assert "services told: studio, functions, api-gw" in text
        assert "moved to them gets" in text
    only = "only: The gateway takes publishable and secret keys"
    assert (only in shown.out) == (verb == "undo")
    told = run("migrate", verb, folder, "--dry-run", "--json").json
    assert len(told["steps"]) == (1 if verb == "undo" else 3)
    assert state(legacy.folder) == now


def test_what_ends_and_what_is_trusted_again_is_said(
    run: RunWith, legacy: Deployment, hours: Hours
) -> None:
    folder, before = str(legacy.folder), state(legacy.folder)
    through_phase(3, folder, run, hours)
    third = run("migrate", "rollback", folder, "--yes")
    assert "The shared secret, and the API keys that it signed, are accepted again." in third.err
    second = run("migrate", "rollback", folder, "--yes", "--json")
    assert second.json["notes"] == [], "both keys are still published"
    first = run("migrate", "rollback", folder, "--yes", "--json")
    assert any("not published any more" in one for one in first.json["notes"])
    assert state(legacy.folder) == before
    for outcome in (third, second, first):
        assert legacy.keys.jwt_secret not in outcome.out + outcome.err


def test_taking_back_an_emergency_says_that_the_key_is_trusted_again(
    run: RunWith, asymmetric: Deployment
) -> None:
    folder, kid = str(asymmetric.folder), asymmetric.keys.ec.kid
    ended = run("rotate", folder, *QUIET, "--revoke", kid, "--confirm", kid)
    assert ended.code == 0, ended.err
    back = run("rotate", "rollback", folder, "--dry-run")
    assert f"{kid} is trusted again." in back.out.replace("\n      ", " ")
    assert asymmetric.keys.standby.kid not in back.out


def test_whoever_edits_a_file_while_a_phase_waits_can_take_it_back(
    run: RunWith, legacy: Deployment
) -> None:
    folder = str(legacy.folder)
    run("migrate", folder, *QUIET)
    assert run("migrate", folder, *QUIET).code == 75
    legacy.set("SMTP_HOST", "mail.example.com")
    mine = state(legacy.folder)
    stopped = run("migrate", "resume", folder)
    assert (stopped.code, ".env was changed by somebody else" in stopped.err) == (3, True)
    back = run("migrate", "rollback", folder, "--yes")
    assert back.code == 0, back.err
    assert state(legacy.folder) == mine
    assert run("migrate", folder, *QUIET).code == 75, "a new plan from the files as they are"


def test_status_is_of_what_was_done_last_and_says_what_comes_next(
    run: RunWith, legacy: Deployment, hours: Hours
) -> None:
    folder = str(legacy.folder)
    assert "Nothing was ever changed here." in run("migrate", "status", folder).out
    through_phase(1, folder, run, hours)
    assert "Phase 1: every service verifies HS256 and ES256 – done" in told(run, folder)
    run("migrate", folder, *QUIET)
    waiting = told(run, folder)
    assert "Phase 2: Auth signs ES256 – under way" in waiting
    assert f"next: then `keyturn migrate resume {folder}` goes on" in waiting
    run("migrate", "rollback", folder, "--yes")
    run("migrate", "rollback", folder, "--yes")
    gone = told(run, folder)
    assert gone.startswith("Phase 1: every service verifies HS256 and ES256 – taken back\n")
    assert "edited" not in gone
    assert f"next: `keyturn migrate {folder}` begins anew" in gone


def told(run: RunWith, folder: str) -> str:
    """What ``status`` says."""
    return run("migrate", "status", folder).out


def test_after_an_undo_status_names_the_way_on_that_works(run: RunWith, legacy: Deployment) -> None:
    folder = str(legacy.folder)
    run("migrate", folder, *QUIET)
    undone = run("migrate", "undo", folder, "--yes")
    assert "2 of 3 steps in force" in undone.out
    assert f"next: `keyturn migrate {folder}` plans the rest anew" in told(run, folder)
    again = run("migrate", "resume", folder)
    assert again.code == 3
    assert "give the command itself" in again.err
    assert run("migrate", folder, *QUIET).code == 0
    assert "Phase 1: every service verifies HS256 and ES256 – done" in told(run, folder)


def test_a_wait_says_until_when_and_a_phase_what_comes_next(
    run: RunWith, legacy: Deployment, hours: Hours
) -> None:
    folder = str(legacy.folder)
    done = run("migrate", folder, *QUIET)
    assert f"Next is phase 2, safe 20 min from now: keyturn migrate {folder}" in " ".join(
        done.out.split()
    )
    early = run("migrate", folder, *QUIET)
    assert "20 min from now: JWKS max-age 600 s + client cache 600 s" in early.err
    hours.pass_by(minutes=21)
    second = run("migrate", folder, *QUIET)
    assert "Next is phase 3, safe 1 h 15 min 30 s from now" in " ".join(second.out.split())


def test_knowing_better_does_not_shorten_the_life_of_tokens(
    run: RunWith, legacy: Deployment, hours: Hours
) -> None:
    """Nothing was proven, but before phase 2 was carried out Auth signed HS256 for certain."""
    folder = str(legacy.folder)
    through_phase(2, folder, run, hours)
    hours.pass_by(minutes=30)
    early = run("migrate", folder, *QUIET, "--i-know", "nobody uses the legacy keys")
    assert early.code == 75
    assert "phase 2 was carried out, unproven, at" in early.err
    hours.pass_by(minutes=50)
    assert run("migrate", folder, *QUIET, "--i-know", "nobody uses them").code == 0


def test_a_migration_that_is_done_is_no_error(
    run: RunWith, legacy: Deployment, hours: Hours
) -> None:
    folder = str(legacy.folder)
    through_phase(3, folder, run, hours)
    again = run("migrate", folder, *QUIET, "--json")
    assert (again.code, again.json["status"]) == (0, "nothing_left")


def test_a_program_that_prints_no_full_stop_ends_its_sentence_all_the_same(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'no such host' >&2\nexit 7\n")
    broken.chmod(0o755)
    failed = run(
        "migrate", str(legacy.folder), "--runner", f"{broken} {{service}}", "--no-probe", "--yes"
    )
    assert failed.code == 1
    assert "no such host. Taking the step back did not work either" in failed.err


def test_an_interruption_says_how_to_go_on(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder, before = str(legacy.folder), state(legacy.folder)
    impatient = tmp_path / "impatient"
    impatient.write_text("#!/bin/sh\nkill -INT $PPID\nexec sleep 2\n")
    impatient.chmod(0o755)
    stopped = subprocess.run(
        [sys.executable, "-m", "keyturn", "migrate", folder, "--no-probe", "--yes",
         "--runner", f"{impatient} {{service}}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert stopped.returncode == 130
    assert f"`keyturn migrate resume {folder}` goes on" in stopped.stderr
    assert "– under way" in told(run, folder)
    assert run("migrate", "rollback", folder, "--yes", "--runner", "true {service}").code == 0
    assert state(legacy.folder) == before
