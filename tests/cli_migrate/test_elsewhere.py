"""Plans that are not carried out at once: files for a pull request, a plan for later."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli_migrate.conftest import QUIET, state
from tests.support.command import RunWith
from tests.support.deployments import Deployment


@pytest.mark.parametrize("how", ["itself", "a link to it", "a link in it"])
def test_the_deployment_itself_is_no_other_folder(
    run: RunWith, legacy: Deployment, tmp_path: Path, how: str
) -> None:
    other = legacy.folder
    if how != "itself":
        other = tmp_path / "other"
    if how == "a link to it":
        other.symlink_to(legacy.folder)
    if how == "a link in it":
        other.mkdir()
        (other / ".env").symlink_to(legacy.folder / ".env")
    before = state(legacy.folder)
    refused = run("migrate", str(legacy.folder), "--no-probe", "--output", str(other))
    assert refused.code == 2
    assert "is the deployment itself" in refused.err
    assert state(legacy.folder) == before


def test_files_for_elsewhere_come_with_the_order_of_their_roll_out(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    out = str(tmp_path / "pr")
    made = run("migrate", str(legacy.folder), "--no-probe", "--output", out)
    assert made.out.splitlines() == [f"{out}/.env", f"{out}/docker-compose.override.yml"]
    assert "1. Every verifier learns the new public keys" in made.err
    assert "in this order: rest, realtime, storage, auth, api-gw, functions, studio" in made.err
    (tmp_path / "pr" / "docker-compose.yml").write_text(legacy.text())
    for path in (legacy.folder / "volumes").rglob("*"):
        target = tmp_path / "pr" / path.relative_to(legacy.folder)
        target.mkdir(parents=True) if path.is_dir() else target.write_bytes(path.read_bytes())
    second = run("migrate", out, "--no-probe", "--output", str(tmp_path / "next"))
    assert "roll them out not before 20 min from now" in second.err
    asked = run("migrate", out, "--no-probe", "--output", str(tmp_path / "json"), "--json").json
    assert (asked["written"], asked["verb"]) == ([".env"], "phase 2")


def test_a_written_plan_is_shown_and_asked_for_and_gone_on_with(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    folder, plan = str(legacy.folder), str(tmp_path / "plan.json")
    run("migrate", folder, *QUIET)
    written = run("migrate", folder, "--no-probe", "--out", plan)
    assert "+JWT_KEYS=‹[3 keys" in written.err
    before = state(legacy.folder)
    asked = run("migrate", "apply", plan, folder, "--runner", "true {service}", "--no-probe")
    assert (asked.code, "2. Auth signs with ES256" in asked.err) == (2, True)
    assert state(legacy.folder) == before
    for _ in range(2):
        waiting = run("migrate", "apply", plan, folder, *QUIET)
        assert (waiting.code, "Run the same command again then" in waiting.err) == (75, True)


def test_a_plan_that_cannot_be_written_leaves_no_keys_behind(
    run: RunWith, legacy: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    nowhere = str(tmp_path / "file" / "folder" / "plan.json")
    failed = run("migrate", str(legacy.folder), "--no-probe", "--out", nowhere)
    assert (failed.code, "cannot be written" in failed.err) == (2, True)
    assert not list((legacy.folder / ".keyturn").rglob("*write*"))
