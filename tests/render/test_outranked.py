"""What stands in a user's own files and outranks what is rendered: planned around, and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.phases.walk import Walk, new
from tests.render.repository import DAYS_AGO, HOUR_AGO, Cluster, Repository
from tests.render.worlds import credentials, kids, meaning
from tests.support.command import Run
from tests.support.deployments import Deployment, healthy
from tests.support.live_deployments import AUTH_FILE, with_auth_folder

from keyturn.migrate import phase_one, phase_two
from keyturn.migrate.deployment_keys import read_keys

WORLDS = ("env", "compose-override", "k8s")


def take_the_line_out(deployment: Deployment) -> None:
    """Do what the warning says."""
    kept = [line for line in deployment.text(AUTH_FILE).splitlines() if "JWT_KEYS" not in line]
    deployment.write(AUTH_FILE, "\n".join(kept) + "\n")


def test_a_watched_file_is_named_in_every_world(run: Run, tmp_path: Path) -> None:
    deployment = with_auth_folder(healthy(tmp_path / "d", "2026-envoy"))
    for number, world in enumerate(WORLDS):
        for moment in ((), ("--rotate", "--deployed-at", HOUR_AGO)):
            out = ("--output", str(tmp_path / f"{number}-{len(moment)}"))
            said = run("render", world, str(deployment.folder), *moment, *out)
            assert said.code == 0, said.err
            assert f"GOTRUE_JWT_KEYS at {AUTH_FILE}:2 outranks" in said.err, (world, moment)


def test_without_the_line_auth_takes_what_was_rendered(run: Run, tmp_path: Path) -> None:
    deployment = with_auth_folder(healthy(tmp_path / "d", "2026-envoy"))
    repository = Repository(run, deployment)
    old = credentials(repository.inventory)
    standby = read_keys(repository.inventory).standby[0].kid
    repository.commit("--rotate", "--deployed-at", HOUR_AGO)
    in_use = read_keys(repository.inventory).in_use
    assert in_use is not None
    assert in_use.kid != standby, "the watched file decides still"
    take_the_line_out(deployment)
    in_use = read_keys(repository.inventory).in_use
    assert in_use is not None
    assert in_use.kid == standby
    answers = meaning(repository.inventory, old)
    assert answers["user ES256", "auth", "directly"][0] == "accepted"
    again = run("render", "env", str(deployment.folder), *repository.options, "--all", "--json")
    assert not any("outranks" in one for one in again.json["warnings"])


def test_the_first_phase_of_an_auth_with_a_watched_file(run: Run, tmp_path: Path) -> None:
    deployment = with_auth_folder(healthy(tmp_path / "d", "2026-envoy", asymmetric=False))
    repository = Repository(run, deployment)
    repository.commit("--phase", "1")
    take_the_line_out(deployment)
    walk = Walk(healthy(tmp_path / "walked", "2026-envoy", asymmetric=False))
    walk.go(phase_one.steps(walk.inventory, new()))
    assert meaning(repository.inventory) == meaning(walk.inventory)
    repository.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    walk.go(phase_two.steps(walk.inventory))
    assert meaning(repository.inventory) == meaning(walk.inventory)


def test_a_clusters_watched_secret_is_seen_too(run: Run, tmp_path: Path) -> None:
    deployment = with_auth_folder(healthy(tmp_path / "d", "2026-envoy"))
    named = kids(deployment.inventory())

    def watched(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for one in objects:
            (container,) = one["spec"]["template"]["spec"]["containers"]
            if container["name"] == "auth":
                container["args"] = ["auth", "--config-dir", "/etc/auth.d"]
                for env in list(container["env"]):
                    if env["name"] == "GOTRUE_JWT_KEYS":
                        container["env"].remove(env)
        return objects

    cluster = Cluster(run, deployment, tmp_path, watched)
    assert kids(cluster.inventory) == named, "the mounted file gives Auth its keys"
    out = tmp_path / "out"
    asked = ("--rotate", "--deployed-at", HOUR_AGO, "--output", str(out))
    made = run("render", "k8s", str(cluster.folder), *asked)
    assert made.code == 0, made.err
    there = (cluster.folder / "documents.yaml").read_text().splitlines()
    holding = next(n for n, one in enumerate(there) if "GOTRUE_JWT_KEYS=" in one)
    line = max(n for n, one in enumerate(there[: holding + 1], 1) if "content:" in one)
    assert f"GOTRUE_JWT_KEYS at documents.yaml:{line} " in made.err
    secret = yaml.safe_load((out / "keyturn-secret.yaml").read_text())["stringData"]
    signing = [one for one in yaml.safe_load(secret["JWT_KEYS"]) if "sign" in one["key_ops"]]
    assert [one["kid"] for one in signing] == [named[1]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("JWT_JWKS", "JWT_JWKS stands in .env more than once (lines "),
        ("POSTGRES_PASSWORD", None),
    ],
)
def test_a_variable_that_stands_twice(
    run: Run, tmp_path: Path, line: str, said: str | None
) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy")
    deployment.write(".env", f"{deployment.text('.env')}{line}={deployment.get(line)}\n")
    found = run("render", "env", str(deployment.folder), "--all", "--json").json["warnings"]
    assert [one.startswith(said or "-") for one in found] == ([True] if said else [])


def test_a_function_of_the_database_may_outrank(run: Run, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy")
    deployment.set_setting("rest", "PGRST_DB_PRE_CONFIG", "postgrest.pre_config")
    (note,) = run("render", "env", str(deployment.folder), "--all", "--json").json["warnings"]
    assert "PGRST_DB_PRE_CONFIG at docker-compose.yml:" in note


def test_an_override_does_not_replace_an_earlier_one(run: Run, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy", asymmetric=False)
    repository = Repository(run, deployment)
    repository.commit("--phase", "1")
    first = deployment.folder / "keyturn.override.yml"
    (deployment.folder / repository.files[-1]).rename(first)
    repository.files[-1] = first.name
    repository.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    asked = ("--phase", "3", "--deployed-at", DAYS_AGO, "--i-know", "nobody", "--json")
    made = run("render", "compose-override", str(deployment.folder), *repository.options, *asked)
    assert made.code == 0, made.err
    assert made.json["files"][0]["name"] == "keyturn-2.override.yml"
    assert "-f keyturn.override.yml -f keyturn-2.override.yml" in made.json["files"][0]["content"]
