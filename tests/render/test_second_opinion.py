"""podman-compose, an independent reader, sees the rendered files as Keyturn does."""

from __future__ import annotations

from pathlib import Path

from tests.deploy.test_second_opinion import podman_compose
from tests.render.repository import DAYS_AGO, HOUR_AGO, Repository
from tests.render.worlds import values
from tests.support.command import Run
from tests.support.deployments import healthy


def test_env_tab_and_override_through_all_phases(run: Run, tmp_path: Path) -> None:
    repository = Repository(run, healthy(tmp_path / "d", "2026-envoy", asymmetric=False))
    repository.commit("--phase", "1")
    repository.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    repository.commit("--phase", "3", "--deployed-at", DAYS_AGO, "--i-know", "nobody uses them")
    assert any("!reset" in (repository.folder / one).read_text() for one in repository.files)
    files = [word for one in repository.files for word in ("-f", one)]
    # podman-compose takes one env file; a later definition wins, as in several files.
    whole = "".join((repository.folder / one).read_text() for one in repository.env_files)
    (repository.folder / "whole.env").write_text(whole)
    theirs = podman_compose(repository.folder, tmp_path / "bin", *files, "--env-file", "whole.env")
    assert theirs == values(repository.inventory)
