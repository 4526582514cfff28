"""``keyturn migrate`` with the container programs that may be found on a machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.command import RunWith
from tests.support.deployments import Deployment
from tests.support.docker_double import DockerDouble
from tests.support.docker_program import VERSIONS

PROGRAMS = tuple(VERSIONS)


@pytest.mark.parametrize("only", PROGRAMS)
def test_the_program_that_is_found_reads_the_files_as_they_are_meant(
    run: RunWith,
    legacy: Deployment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    only: str,
) -> None:
    """The old ones end a nested default at its first brace, and would add a stray one."""
    docker = DockerDouble(tmp_path / "docker")
    # A docker without its compose plugin stays: old Compose asks it about health.
    docker.uninstall(*(name for name in PROGRAMS[1:] if name != only))
    if only != "docker":
        docker.script(version={**VERSIONS, "docker": "no such plugin"})
    for name, value in docker.environment.items():
        monkeypatch.setenv(name, value)
    done = run("migrate", str(legacy.folder), "--yes", "--no-probe")
    assert done.code == 0, done.err
    held = docker.container("realtime")["environment"]["API_JWT_JWKS"]
    assert len(json.loads(held)["keys"]) == 3
    assert (
        len(json.loads(docker.container("functions")["environment"]["SUPABASE_JWKS"])["keys"]) == 3
    )
    assert {call[0] for call in docker.calls if "up" in call} == {only}
