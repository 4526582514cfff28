"""Realtime's health probe in the forms of real charts: patched, or said exactly."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.phases.walk import Walk, new
from tests.render.repository import DAYS_AGO, HOUR_AGO, Change, Cluster
from tests.render.worlds import credentials, meaning
from tests.support.command import Run
from tests.support.deployments import NOW, Deployment, healthy

from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.migrate import phase_one, phase_three, phase_two
from keyturn.migrate.refusals import CannotMigrate
from keyturn.profiles.deployment import healthcheck
from keyturn.profiles.verdict import Outcome

URL = "http://localhost:4000/api/tenants/realtime-dev/health"
LAST = ("--phase", "3", "--deployed-at", DAYS_AGO, "--i-know", "nobody uses them")


def shell(script: str, *more: str) -> dict[str, Any]:
    """A probe that runs a script."""
    return {"exec": {"command": ["/bin/sh", *more, "-c", script]}}


def direct(token: str) -> dict[str, Any]:
    """A probe without a shell, as `kompose` makes it."""
    words = ["curl", "-sSfL", "--head", "-o", "/dev/null", "-H", f"Authorization: Bearer {token}"]
    return {"exec": {"command": [*words, URL]}}


def asked(token: str, port: object = 4000) -> dict[str, Any]:
    """A request that the kubelet sends itself."""
    header = {"name": "Authorization", "value": f"Bearer {token}"}
    path = URL.partition(":4000")[2]
    return {"httpGet": {"path": path, "port": port, "httpHeaders": [header]}, "periodSeconds": 30}


def probing(probe: dict[str, Any], env: dict[str, str] | None = None, **more: Any) -> Change:
    """Give Realtime's container a probe."""

    def change(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for one in objects:
            (container,) = one["spec"]["template"]["spec"]["containers"]
            if container["name"] == "realtime":
                container["env"] += [{"name": n, "value": v} for n, v in (env or {}).items()]
                container |= {"livenessProbe": probe, "readinessProbe": probe, **more}
        return objects

    return change


def cluster(run: Run, folder: Path, form: str) -> tuple[Cluster, str]:
    """Return a cluster after phase 2 whose Realtime is probed so, and the key that it sends."""
    deployment = healthy(folder / "d", "2026-envoy", asymmetric=False)
    key = deployment.keys.anon
    forms: dict[str, Change] = {
        "kompose": probing(direct(key)),
        "operator": probing(
            shell(f'curl -sSfL -H "Authorization: Bearer ${{ANON_KEY}}" {URL}'), {"ANON_KEY": key}
        ),
        "plain name": probing(
            shell(f'curl -sf -H "Authorization: Bearer $SUPABASE_ANON_KEY" {URL}', "-e"),
            {"SUPABASE_ANON_KEY": key},
        ),
        "single quotes": probing(shell(f"curl -sf -H 'Authorization: Bearer {key}' {URL}")),
        "kubernetes": probing(direct("$(ANON_KEY)"), {"ANON_KEY": key}),
        "header": probing(asked(key)),
        "named port": probing(asked(key, "http"), ports=[{"name": "http", "containerPort": 4000}]),
    }
    made = Cluster(run, deployment, folder, forms[form])
    made.commit("--phase", "1")
    made.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    return made, key


def from_a_secret(objects: list[dict[str, Any]], held: dict[str, str]) -> list[dict[str, Any]]:
    """Keys as charts give them: one Secret of the release, a reference in every container."""
    for one in objects:
        for env in one["spec"]["template"]["spec"]["containers"][0]["env"]:
            if re.search(r"SECRET|JWKS|JWT_KEYS|_KEY$", env["name"]) and env.get("value"):
                key = re.sub(r"\W", "_", f"{one['metadata']['name']}_{env['name']}")
                held[key] = env.pop("value").replace("$$", "$")
                env["valueFrom"] = {"secretKeyRef": {"name": "supabase-jwt", "key": key}}
    return objects


def test_a_chart_with_its_own_secret_goes_all_the_way(run: Run, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy", asymmetric=False)
    key = deployment.keys.anon
    script = f'curl -sf -H "Authorization: Bearer $ANON_KEY" {URL}'
    probed = probing(shell(script), {"ANON_KEY": key})
    held: dict[str, str] = {}
    made = Cluster(run, deployment, tmp_path, lambda found: from_a_secret(probed(found), held))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "supabase-jwt"}}
    (made.folder / "release.yaml").write_text(yaml.safe_dump({**secret, "stringData": held}))
    legacy = credentials(made.inventory)
    for moment in (("--phase", "1"), ("--phase", "2", "--deployed-at", HOUR_AGO), LAST):
        made.commit(*moment)
        found = healthcheck(made.inventory, NOW)
        assert found is not None
        assert found.outcome is Outcome.ACCEPTED, (moment, found.why)
    answers = meaning(made.inventory, legacy)
    for (kind, service, way), answer in answers.items():
        if kind in ("user HS256", "service legacy") and way == "directly" and service != "meta":
            assert answer[0] != "accepted", (kind, service)


FORMS = (
    "kompose", "operator", "plain name", "single quotes", "kubernetes", "header", "named port",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_probe_gets_a_token_of_its_own(run: Run, tmp_path: Path, form: str) -> None:
    made, key = cluster(run, tmp_path, form)
    legacy = credentials(made.inventory)
    before = healthcheck(made.inventory, NOW)
    assert before is not None
    assert before.outcome is Outcome.ACCEPTED
    made.commit(*LAST)
    after = healthcheck(made.inventory, NOW)
    assert after is not None
    assert after.outcome is Outcome.ACCEPTED, after.why
    patches = (made.out / "3/keyturn-patches.yaml").read_text()
    assert key not in patches
    assert "eyJ" not in patches, "the patches hold no key"
    (container,) = _realtime(made)
    for probe in ("livenessProbe", "readinessProbe"):
        assert key not in json.dumps(container[probe])
        assert set(container[probe]) <= {"exec", "periodSeconds"}
    assert ("periodSeconds" in container["livenessProbe"]) is (form in ("header", "named port"))
    answers = meaning(made.inventory, legacy)
    assert answers["user HS256", "realtime", "directly"][0] == "refused"


@pytest.mark.parametrize("form", FORMS)
def test_a_shell_sends_what_the_reader_says(run: Run, tmp_path: Path, form: str) -> None:
    made, _ = cluster(run, tmp_path, form)
    made.commit(*LAST)
    (container,) = _realtime(made)
    there = made.inventory.of_kind(Kind.REALTIME)
    assert there is not None
    token = text(there.value("REALTIME_HEALTH_TOKEN"))
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "curl").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (folder / "curl").chmod(0o755)
    command = container["livenessProbe"]["exec"]["command"]
    env = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "REALTIME_HEALTH_TOKEN": token}
    sent = subprocess.run(command, env=env, capture_output=True, text=True, check=True)  # type: ignore[arg-type]
    words = sent.stdout.splitlines()
    assert f"Authorization: Bearer {token}" in words
    assert words[-1] == URL


@pytest.mark.parametrize("form", ["operator", "kompose"])
def test_the_probe_goes_on_with_its_key_while_only_the_gateway_refuses_it(
    run: Run, tmp_path: Path, form: str
) -> None:
    made, key = cluster(run, tmp_path, form)
    made.commit(*LAST, "--step", "2")
    found = healthcheck(made.inventory, NOW)
    assert found is not None
    assert found.outcome is Outcome.ACCEPTED, found.why
    (container,) = _realtime(made)
    assert "REALTIME_HEALTH_TOKEN" not in json.dumps(container)
    assert (key in json.dumps(container)) is (form == "kompose")


def test_what_cannot_be_patched_is_said_with_its_lines(run: Run, tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy", asymmetric=False)
    made = Cluster(run, deployment, tmp_path, probing(asked(deployment.keys.anon, "web")))
    made.commit("--phase", "1")
    made.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    asked_for = ("render", "k8s", str(made.folder), *LAST, "--json")
    (note,) = [one for one in run(*asked_for).json["warnings"] if "livenessProbe of" in one]
    assert "workloads.yaml:" in note
    lines = yaml.safe_load(note[note.index("livenessProbe: ") :])
    assert "${REALTIME_HEALTH_TOKEN}" in lines["livenessProbe"]["exec"]["command"][2]
    assert URL in lines["livenessProbe"]["exec"]["command"][2]


def test_a_compose_folder_is_told_what_its_chart_must_say(run: Run, tmp_path: Path) -> None:
    walk = Walk(healthy(tmp_path / "d", "2026-envoy", asymmetric=False))
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.go(phase_two.steps(walk.inventory))
    out = tmp_path / "out"
    made = run("render", "k8s", str(walk.deployment.folder), *LAST, "--output", str(out))
    assert made.code == 0, made.err
    assert 'exec: {command: ["/bin/sh", "-c", "curl -sSfL --head' in made.err
    secret = yaml.safe_load((out / "keyturn-secret.yaml").read_text())
    assert secret["stringData"]["REALTIME_HEALTH_TOKEN"].startswith("eyJ")
    (patch,) = [
        one
        for one in yaml.safe_load_all((out / "keyturn-patches.yaml").read_text())
        if one["metadata"]["name"] == "realtime"
    ]
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one for one in container["env"]}
    reference = given["REALTIME_HEALTH_TOKEN"]["valueFrom"]["secretKeyRef"]
    assert reference["key"] == "REALTIME_HEALTH_TOKEN"


def test_another_service_that_is_probed_with_a_legacy_key_is_named(
    run: Run, tmp_path: Path
) -> None:
    deployment = healthy(tmp_path / "d", "2026-envoy", asymmetric=False)
    header = {"name": "apikey", "value": deployment.keys.anon}

    def change(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for one in objects:
            (container,) = one["spec"]["template"]["spec"]["containers"]
            if container["name"] == "api-gw":
                http = {"path": "/rest/v1/x", "port": 8000, "httpHeaders": [header]}
                container["readinessProbe"] = {"httpGet": http}
        return objects

    made = Cluster(run, deployment, tmp_path, change)
    made.commit("--phase", "1")
    made.commit("--phase", "2", "--deployed-at", HOUR_AGO)
    found = run("render", "k8s", str(made.folder), *LAST, "--json").json["warnings"]
    (note,) = [one for one in found if "readinessProbe of api-gw" in one]
    assert "workloads.yaml:" in note
    assert "legacy ANON_KEY" in note
    assert deployment.keys.anon not in note


def _realtime(made: Cluster) -> list[dict[str, Any]]:
    objects = yaml.safe_load_all((made.folder / "workloads.yaml").read_text())
    (found,) = [one for one in objects if one["metadata"]["name"] == "realtime"]
    containers: list[dict[str, Any]] = found["spec"]["template"]["spec"]["containers"]
    return containers


ENV = "Authorization: Bearer ${ANON_KEY}"


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("Authorization: Bearer $ANON_KEY", {}),
        ("Authorization: Bearer $${ANON_KEY}", {"ANON_KEY": "${ANON_KEY}"}),
        ("Authorization: Bearer $$PUBLIC_KEY", {"PUBLIC_KEY": "${ANON_KEY}"}),
    ],
)
def test_forms_of_compose_files(tmp_path: Path, written: str, given: dict[str, str]) -> None:
    deployment = healthy(tmp_path, "2026-envoy", asymmetric=False)
    _probed_by(deployment, written, given)
    walk = Walk(deployment)
    first = healthcheck(walk.inventory, NOW)
    assert first is not None
    assert first.outcome is Outcome.ACCEPTED
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.go(phase_two.steps(walk.inventory))
    walk.go(phase_three.steps(walk.inventory, new()))
    last = healthcheck(walk.inventory, NOW)
    assert last is not None
    assert last.outcome is Outcome.ACCEPTED, last.why
    assert walk.findings() == []


def test_a_token_that_stands_in_the_healthcheck_stops_phase_three(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy", asymmetric=False)
    _probed_by(deployment, f"Authorization: Bearer {deployment.keys.anon}", {})
    walk = Walk(deployment)
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.go(phase_two.steps(walk.inventory))
    with pytest.raises(CannotMigrate, match="healthcheck of realtime holds a token"):
        phase_three.steps(walk.inventory, new())


def _probed_by(deployment: Deployment, written: str, given: dict[str, str]) -> None:
    for name, value in given.items():
        deployment.set_setting("realtime", name, value)
    deployment.replace("docker-compose.yml", ENV, written)
