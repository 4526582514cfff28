"""An emergency for those who roll out by themselves: the key is in no form any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import Run
from tests.support.deployments import ASYMMETRIC_ERAS, Deployment, healthy


@pytest.fixture(params=ASYMMETRIC_ERAS)
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """One that signs ES256."""
    return healthy(tmp_path / "repository", request.param, asymmetric=True)


@pytest.mark.parametrize("world", ["env", "k8s", "sops"])
def test_a_stolen_key_is_in_no_rendered_form(
    run: Run, deployment: Deployment, tmp_path: Path, world: str
) -> None:
    kid, standby = deployment.keys.ec.kid, deployment.keys.standby.kid
    before = deployment.text(".env")
    out = tmp_path / "out"
    made = run("render", world, str(deployment.folder), "--revoke", kid, "--output", str(out))
    assert made.code == 0, made.err
    files = [out] if out.is_file() else sorted(out.iterdir())
    text = "".join(one.read_text() for one in files)
    assert kid not in text
    assert standby in text
    assert deployment.keys.service_role_asymmetric not in text
    assert deployment.text(".env") == before
    said = " ".join(made.err.split())
    assert "refused at once" in said
    assert "rendered again from the changed deployment" in said


def test_the_signer_changes_in_a_commit_of_its_own_before_trust_ends(
    run: Run, deployment: Deployment, tmp_path: Path
) -> None:
    kid = deployment.keys.ec.kid
    out = tmp_path / "first.env"
    asked = ("render", "env", str(deployment.folder), "--revoke", kid, "--step", "1")
    assert run(*asked, "--output", str(out)).code == 0
    assert "JWT_KEYS=" in out.read_text()
    assert "JWT_JWKS=" not in out.read_text(), "verifiers go on trusting both until the next commit"


def test_an_unknown_key_and_two_states_are_refused(run: Run, deployment: Deployment) -> None:
    folder = str(deployment.folder)
    unknown = run("render", "env", folder, "--revoke", "nobody", "--private")
    assert unknown.code == 5
    assert deployment.keys.ec.kid in unknown.err
    both = run("render", "env", folder, "--revoke", "x", "--rotate", "--private")
    assert both.code == 2
    assert "give one" in both.err


def test_the_emergency_of_a_folder_warns_of_files_rendered_elsewhere(
    run: Run, deployment: Deployment
) -> None:
    kid = deployment.keys.ec.kid
    shown = run("rotate", str(deployment.folder), "--revoke", kid, "--dry-run")
    said = " ".join((shown.out + shown.err).split())
    assert "Files that `keyturn render` wrote elsewhere" in said
