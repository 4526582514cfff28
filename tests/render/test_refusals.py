"""What `keyturn render` refuses, and where keys never go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.render.repository import DAYS_AGO, HOUR_AGO, Repository
from tests.render.worlds import kids, read
from tests.support.command import Run
from tests.support.deployments import NOW, Deployment, healthy


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """One that still signs HS256."""
    return healthy(tmp_path / "repository", "2026-envoy", asymmetric=False)


def test_the_steps_of_a_phase_are_commits_of_their_own(run: Run, deployment: Deployment) -> None:
    repository = Repository(run, deployment)
    repository.commit("--phase", "1", "--step", "1")
    assert "GOTRUE_JWT_KEYS" not in repository.inventory.services["auth"].settings
    assert "API_JWT_JWKS" in repository.inventory.services["realtime"].settings
    asked = ("render", "env", str(deployment.folder), "--phase", "1", "--step", "9", "--private")
    assert run(*asked).code == 2


def test_the_second_half_of_a_commit_is_for_the_keys_of_the_first(
    run: Run, deployment: Deployment
) -> None:
    """An env tab is filled first; the compose file follows, and nobody makes keys twice."""
    folder = str(deployment.folder)
    out = deployment.folder / "tab.env"
    assert run("render", "env", folder, "--phase", "1", "--output", str(out)).code == 0
    reading = ("--env-file", ".env", "--env-file", "tab.env")
    made = run("render", "compose-override", folder, *reading, "--phase", "1", "--json")
    assert made.code == 0, made.out
    again = run("render", "env", folder, *reading, "--phase", "1", "--private", "--json")
    assert (again.code, again.json["code"]) == (2, "usage")
    deployment.write("docker-compose.override.yml", made.json["files"][0]["content"])
    there = read(deployment.folder, env_files=(".env", "tab.env"))
    assert len(kids(there)) == 2


def test_nobody_signs_with_a_key_that_may_not_be_known_yet(
    run: Run, deployment: Deployment
) -> None:
    repository = Repository(run, deployment)
    repository.commit("--phase", "1")
    asked = ("render", "env", str(deployment.folder), *repository.options, "--phase", "2",
             "--private", "--json")  # fmt: skip
    unknown = run(*asked)
    assert (unknown.code, unknown.json["code"]) == (5, "deployed_since_unknown")
    just_now = f"{NOW - timedelta(minutes=10):%Y-%m-%dT%H:%MZ}"
    assert run(*asked, "--deployed-at", just_now).code == 75
    tomorrow = f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%MZ}"
    assert run(*asked, "--deployed-at", tomorrow).code == 2
    assert run(*asked, "--deployed-at", "yesterday").code == 2
    assert run(*asked, "--deployed-at", "2026-01-31T12:00").code == 2


def test_phase_three_wants_evidence_here_too(run: Run, deployment: Deployment) -> None:
    repository = Repository(run, deployment)
    repository.commit("--phase", "1")
    repository.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    asked = ("render", "env", str(deployment.folder), *repository.options, "--phase", "3",
             "--deployed-at", DAYS_AGO, "--private", "--json")  # fmt: skip
    assert run(*asked).json["code"] == "legacy_in_use"


def test_keys_reach_no_terminal_and_no_other_file(run: Run, deployment: Deployment) -> None:
    asked = ("render", "env", str(deployment.folder), "--phase", "1")
    assert run(*asked).code == 2
    piped = run(*asked, "--private")
    assert piped.code == 0
    assert piped.out.startswith("SUPABASE_PUBLISHABLE_KEY=")
    shown = run(*asked, "--json")
    assert shown.json["files"][0]["content"] is None
    out = deployment.folder / "new.env"
    assert run(*asked, "--output", str(out)).code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert run(*asked, "--output", str(out)).code == 5
    for outcome in (
        shown,
        run("render", "compose-override", str(deployment.folder), "--phase", "1"),
    ):
        for line in out.read_text().splitlines():
            assert line.partition("=")[2] not in outcome.out + outcome.err


def test_states_that_exclude_each_other(run: Run, deployment: Deployment) -> None:
    folder = str(deployment.folder)
    assert run("render", "env", folder, "--phase", "1", "--rotate", "--private").code == 2
    assert run("render", "env", folder, "--step", "1", "--private").code == 2
    assert run("render", "k8s", folder, "--namespace", "Not/A-Name", "--private").code == 2
    assert run("render", "compose-override", folder).code == 2
