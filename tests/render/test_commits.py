"""Phases and rotations as commits: every world says what `migrate` would have written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from tests.phases.walk import Walk, new
from tests.render.conftest import at
from tests.render.worlds import applied, config_maps, credentials, kids, meaning, read, values
from tests.support.command import Run
from tests.support.deployments import ASYMMETRIC_ERAS, NOW, Deployment, healthy

from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import text
from keyturn.migrate import phase_one, phase_two

HOUR_AGO = f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
DAYS_AGO = f"{NOW - timedelta(days=3):%Y-%m-%dT%H:%MZ}"


@pytest.fixture(params=ASYMMETRIC_ERAS)
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """One that still signs HS256."""
    return healthy(tmp_path / "repository", request.param, asymmetric=False)


def migrated(tmp_path: Path, era: str, phases: int) -> Inventory:
    """Return the same deployment as `migrate` itself leaves it."""
    walk = Walk(healthy(tmp_path / f"walked-{phases}", era, asymmetric=False))
    walk.go(phase_one.steps(walk.inventory, new()))
    if phases > 1:
        walk.go(phase_two.steps(walk.inventory))
    return walk.inventory


class Repository:
    """A compose deployment whose owner commits what is rendered."""

    def __init__(self, run: Run, deployment: Deployment) -> None:
        self.run = run
        self.folder = deployment.folder
        self.env_files = [".env"]
        self.files = ["docker-compose.yml"]

    @property
    def options(self) -> list[str]:
        """Return how the repository is read."""
        env = [word for one in self.env_files for word in ("--env-file", one)]
        return [*env, *(word for one in self.files for word in ("-f", one))]

    def commit(self, *moment: str) -> None:
        """Render both halves; commit them."""
        name = f"keys-{len(self.env_files)}.env"
        before = values(self.inventory)
        output = ("--output", str(self.folder / name))
        made = self.run("render", "env", str(self.folder), *self.options, *moment, *output)
        assert made.code == 0, made.err
        assert values(self.inventory) == before, "nothing may change before the commit"
        asked = ("render", "compose-override", str(self.folder), *self.options, *moment)
        override = self.run(*asked, "--json")
        self.env_files.append(name)
        if override.code == 0:
            file = f"override-{len(self.files)}.yml"
            (self.folder / file).write_text(override.json["files"][0]["content"])
            self.files.append(file)

    @property
    def inventory(self) -> Inventory:
        """Return the deployment as committed."""
        return read(self.folder, files=tuple(self.files), env_files=tuple(self.env_files))


def test_two_commits_mean_the_same_as_two_commands(
    run: Run, deployment: Deployment, tmp_path: Path
) -> None:
    repository = Repository(run, deployment)
    original = {p: p.read_bytes() for p in deployment.folder.rglob("*") if p.is_file()}
    old = credentials(repository.inventory)
    repository.commit("--phase", "1")
    assert meaning(repository.inventory) == meaning(migrated(tmp_path, deployment.era, 1))
    named = kids(repository.inventory)
    assert len(named) == 2
    repository.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    assert meaning(repository.inventory) == meaning(migrated(tmp_path, deployment.era, 2))
    assert kids(repository.inventory) == named, "the second commit must have the same keys"
    after = meaning(repository.inventory, old)
    assert {answer for kind, answer in after.items() if kind[0] == "user HS256"} == {
        answer for kind, answer in meaning(repository.inventory).items() if kind[0] == "user HS256"
    }
    assert all(path.read_bytes() == content for path, content in original.items())


def test_the_way_to_the_end_and_a_rotation_in_commits(
    run: Run, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(run, deployment)
    legacy = credentials(repository.inventory)
    repository.commit("--phase", "1")
    repository.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    repository.commit("--phase", "3", "--deployed-at", DAYS_AGO, "--i-know", "nobody uses them")
    answers = meaning(repository.inventory, legacy)
    for (kind, service, way), answer in answers.items():
        if kind in ("user HS256", "anon legacy") and way == "directly" and service != "meta":
            assert answer[0] != "accepted", (kind, service)
    standby = kids(repository.inventory)[1]
    at(monkeypatch, NOW + timedelta(days=1))
    repository.commit("--rotate", "--deployed-at", HOUR_AGO)
    assert kids(repository.inventory)[0] == standby
    assert len(kids(repository.inventory)) == 3


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


def test_a_cluster_is_given_the_same(run: Run, deployment: Deployment, tmp_path: Path) -> None:
    repository = Repository(run, deployment)
    repository.commit("--phase", "1")
    there = repository.inventory
    for number, extra in enumerate(((), ("--data",))):
        out = tmp_path / f"cluster-{number}"
        made = run("render", "k8s", str(deployment.folder), *repository.options, *extra,
                   "--output", str(out))  # fmt: skip
        assert made.code == 0, made.err
        modes = {p.name: p.stat().st_mode & 0o777 for p in out.iterdir()}
        assert modes == {"keyturn-secret.yaml": 0o600, "keyturn-patches.yaml": 0o644}
        patches = (out / "keyturn-patches.yaml").read_text()
        assert (text(there.services["auth"].value("GOTRUE_JWT_KEYS")) or "") not in patches
        (out / "keyturn-patches.yaml").write_text(applied(patches, there))
        (out / "documents.yaml").write_text(config_maps(there))
        found = read(out)
        assert values(found) == values(there)
        assert meaning(found) == meaning(there)


def test_an_export_of_a_cluster_goes_through_the_phases(
    run: Run, deployment: Deployment, tmp_path: Path
) -> None:
    cluster = Cluster(run, deployment, tmp_path)
    cluster.commit("--phase", "1")
    assert meaning(cluster.inventory) == meaning(migrated(tmp_path, deployment.era, 1))
    named = kids(cluster.inventory)
    cluster.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    assert meaning(cluster.inventory) == meaning(migrated(tmp_path, deployment.era, 2))
    assert kids(cluster.inventory) == named


class Cluster:
    """A folder with exported objects, changed by what is rendered."""

    def __init__(self, run: Run, deployment: Deployment, tmp_path: Path) -> None:
        self.run, self.out = run, tmp_path / "rendered"
        self.folder = tmp_path / "export"
        self.folder.mkdir()
        there = read(deployment.folder)
        (self.folder / "workloads.yaml").write_text(applied("", there))
        (self.folder / "documents.yaml").write_text(config_maps(there))
        self.commits = 0

    def commit(self, *moment: str) -> None:
        """Render, and apply to the export."""
        self.commits += 1
        out = self.out / str(self.commits)
        made = self.run("render", "k8s", str(self.folder), *moment, "--output", str(out))
        assert made.code == 0, made.err
        workloads = self.folder / "workloads.yaml"
        objects = list(yaml.safe_load_all(workloads.read_text()))
        patches = (out / "keyturn-patches.yaml").read_text()
        old = {one["metadata"]["name"]: sums(one) for one in objects}
        workloads.write_text(applied(patches, self.inventory, objects))
        new_ = yaml.safe_load_all(workloads.read_text())
        self.rolled = {one["metadata"]["name"] for one in new_ if sums(one) != old[
            one["metadata"]["name"]]}  # fmt: skip
        (self.folder / "secret.yaml").write_text((out / "keyturn-secret.yaml").read_text())

    @property
    def inventory(self) -> Inventory:
        """Return the cluster as exported."""
        return read(self.folder)


def sums(workload: dict[str, object]) -> object:
    """Return the annotation that makes a rollout."""
    template = workload["spec"]["template"]  # type: ignore[index]
    return template.get("metadata", {}).get("annotations", {}).get("checksum/keyturn-keys")


def test_only_workloads_with_other_keys_roll_out(run: Run, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy", asymmetric=False)
    cluster = Cluster(run, deployment, tmp_path)
    cluster.commit("--phase", "1")
    cluster.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    assert cluster.rolled == {"auth"}


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
