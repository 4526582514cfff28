"""Phases and rotations as commits: every world says what `migrate` would have written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.phases.walk import Walk, new
from tests.render.conftest import at
from tests.render.repository import DAYS_AGO, HOUR_AGO, Cluster, Repository
from tests.render.worlds import applied, config_maps, credentials, kids, meaning, read, values
from tests.support.command import Run
from tests.support.deployments import ASYMMETRIC_ERAS, NOW, Deployment, healthy

from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import text
from keyturn.migrate import phase_one, phase_two


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


def crowded(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Auth and PostgREST share the pods of a StatefulSet; everything has a namespace."""
    held = {one["metadata"]["name"]: one for one in objects}
    rest = held.pop("rest")["spec"]["template"]["spec"]
    auth = held["auth"]
    auth["kind"], auth["metadata"]["name"] = "StatefulSet", "api"
    pod = auth["spec"]["template"]["spec"]
    pod["containers"] += rest["containers"]
    pod["volumes"] += rest["volumes"]
    for one in held.values():
        one["metadata"]["namespace"] = "supabase"
    return list(held.values())


def test_containers_of_one_pod_roll_out_together(run: Run, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy", asymmetric=False)
    cluster = Cluster(run, deployment, tmp_path, crowded)
    before = meaning(cluster.inventory)
    cluster.commit("--phase", "1")
    assert meaning(cluster.inventory) == meaning(migrated(tmp_path, "2026-envoy", 1)) != before
    patches = list(yaml.safe_load_all((cluster.out / "1/keyturn-patches.yaml").read_text()))
    names = [(one["kind"], one["metadata"]["name"]) for one in patches]
    assert ("StatefulSet", "api") in names
    assert len(set(names)) == len(names)
    secret = yaml.safe_load((cluster.out / "1/keyturn-secret.yaml").read_text())
    assert {one["metadata"]["namespace"] for one in (*patches, secret)} == {"supabase"}
    asked = ("render", "k8s", str(cluster.folder), "--private", "--namespace", "other")
    assert run(*asked).code == 5
    cluster.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    assert cluster.rolled == {"api"}


def test_a_bare_pod_is_refused(run: Run, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy")

    def bare(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        pod = objects[0]
        pod["kind"], pod["spec"] = "Pod", pod["spec"]["template"]["spec"]
        return objects

    cluster = Cluster(run, deployment, tmp_path, bare)
    refused = run("render", "k8s", str(cluster.folder), "--private", "--json")
    assert (refused.code, refused.json["code"]) == (5, "cannot_render")


def test_only_workloads_with_other_keys_roll_out(run: Run, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy", asymmetric=False)
    cluster = Cluster(run, deployment, tmp_path)
    cluster.commit("--phase", "1")
    cluster.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    assert cluster.rolled == {"auth"}
