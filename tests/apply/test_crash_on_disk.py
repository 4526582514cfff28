"""Real files, real journal, real deaths: at every call to the file system, and by SIGKILL."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.apply_process import Instants, Nobody, ports
from tests.support.apply_world import Died
from tests.support.deployments import JWKS_SETTINGS, NOW, Deployment, healthy
from tests.support.docker_double import ROOT, DockerDouble

from keyturn.adapters.deployment_files import FolderSource
from keyturn.deploy.edit import ReplaceFile, SetVariable, UncommentSetting
from keyturn.deploy.rewrite import Style
from keyturn.deploy.source import Ask
from keyturn.flows.apply_plan import apply_plan, resume, stage
from keyturn.flows.apply_undo import rollback
from keyturn.migrate.commands import Way
from keyturn.migrate.plan import Check, Plan, Recreate, Reload, Step, build_plan
from keyturn.migrate.plan_json import plan_text
from keyturn.secret import Secret

pytestmark = pytest.mark.timeout(400)
INSTANTS = Instants()
Files = dict[str, tuple[bytes, int]]


def plan(made: Deployment, style: Style) -> Plan:
    """Two steps: everything published, then the gateway's file and one variable again."""
    keys = made.keys
    publish = Step(
        "Publish",
        edits=(
            SetVariable("JWT_KEYS", Secret(keys.jwt_keys)),
            SetVariable("JWT_JWKS", Secret(keys.jwt_jwks)),
            *(UncommentSetting(service, name) for service, name in JWKS_SETTINGS),
        ),
        services=(Recreate("rest"), Recreate("auth")),
        after=(Check("canary"),),
    )
    gateway = Step(
        "Gateway",
        edits=(
            SetVariable("SUPABASE_SECRET_KEY", Secret(keys.secret)),
            ReplaceFile("volumes/api/kong.yml", Secret("_format_version: '3.0'\n")),
        ),
        # Mounted by itself into a container that runs on, so it keeps its inode.
        services=(Reload("kong", Way.EXEC, ("kong", "reload"), ("volumes/api/kong.yml",)),),
    )
    prepared = build_plan(
        FolderSource(made.folder), Ask(), [publish, gateway],
        plan_id="p1", title="Test", now=NOW, style=style,
    )  # fmt: skip
    stage(ports(made.folder), prepared)
    return prepared.plan


def files(folder: Path) -> Files:
    """Return everything outside ``.keyturn``: bytes and modes."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file() and ".keyturn" not in path.parts
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan, Files, Files]:
    """A deployment with a staged plan, what it was, and what it becomes."""
    folder = tmp_path_factory.mktemp("prepared")
    made = healthy(folder, "2026-kong", asymmetric=False)
    (folder / ".env").chmod(0o640)
    found = plan(made, Style())
    before = files(folder)
    done = folder.parent / "done"
    shutil.copytree(folder, done)
    asyncio.run(apply_plan(ports(done), found))
    return folder, found, before, files(done)


@pytest.fixture(autouse=True)
def nobody_pulls_the_plug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process loses nothing that was written, synced or not."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def count(folder: Path, made: Plan, target: Path) -> int:
    shutil.copytree(folder, target)
    with INSTANTS.within(target, None):
        asyncio.run(apply_plan(ports(target), made))
    return INSTANTS.count


def test_death_at_every_call_to_the_file_system(
    prepared: tuple[Path, Plan, Files, Files], tmp_path: Path
) -> None:
    folder, made, before, after = prepared
    total = count(folder, made, tmp_path / "count")
    assert total > 50
    for instant in range(1, total + 1):
        target = tmp_path / f"{instant}"
        shutil.copytree(folder, target)
        with INSTANTS.within(target, instant), pytest.raises(Died):
            asyncio.run(apply_plan(ports(target), made))
        twin = shutil.copytree(target, tmp_path / f"{instant}-twin")
        assert_finished("resume", target, made, before, after)
        assert_finished("rollback", twin, made, before, after)
        shutil.rmtree(target)
        shutil.rmtree(twin)


def assert_finished(act: str, target: Path, made: Plan, before: Files, after: Files) -> None:
    journal = target / ".keyturn/journal.jsonl"
    written = journal.read_bytes() if journal.exists() else b""
    if act == "resume":
        if b'"begin"' not in written:
            asyncio.run(apply_plan(ports(target), made))
        elif b'"finished"' not in written:
            asyncio.run(resume(ports(target)))
        assert files(target) == after
    elif b'"begin"' in written:
        asyncio.run(rollback(ports(target)))
        assert files(target) == before
    else:
        assert files(target) == before


def test_death_on_the_way_back(prepared: tuple[Path, Plan, Files, Files], tmp_path: Path) -> None:
    folder, made, before, _ = prepared
    done = tmp_path / "done"
    shutil.copytree(folder, done)
    asyncio.run(apply_plan(ports(done), made))
    instant, died = 0, True
    while died:
        instant += 1
        target = tmp_path / f"{instant}"
        shutil.copytree(done, target)
        services = Nobody()
        with INSTANTS.within(target, instant):
            try:
                asyncio.run(rollback(ports(target)))
                died = False
            except Died:
                pass
        if b'"undone"' not in (target / ".keyturn/journal.jsonl").read_bytes():
            asyncio.run(rollback(ports(target, services)))
        assert files(target) == before
        shutil.rmtree(target)
    assert instant > 20


def spoken(what: str, folder: Path, made: Path, dies_at: int, docker: DockerDouble) -> int:
    """Run it as a process of its own and return how it ended."""
    argv = (sys.executable, "-m", "tests.support.apply_process", what, folder, made, str(dies_at))
    environment = docker.environment | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    return subprocess.run(argv, env=environment, cwd=ROOT, check=False).returncode


@pytest.mark.parametrize("act", ["resume", "rollback"])
def test_a_killed_process(
    prepared: tuple[Path, Plan, Files, Files], tmp_path: Path, docker: DockerDouble, act: str
) -> None:
    folder, made, before, after = prepared
    path = tmp_path / "plan.json"
    path.write_text(plan_text(made))
    total = count(folder, made, tmp_path / "count")
    for dies_at in (total // 4, total // 2, total - total // 5):
        target = tmp_path / f"at-{dies_at}"
        shutil.copytree(folder, target)
        assert spoken("apply", target, path, dies_at, docker) == -signal.SIGKILL
        assert spoken(act, target, path, 0, docker) == 0
        assert files(target) == (after if act == "resume" else before)


def test_killed_while_docker_creates_a_container(
    prepared: tuple[Path, Plan, Files, Files], tmp_path: Path, docker: DockerDouble
) -> None:
    folder, made, before, _ = prepared
    path = tmp_path / "plan.json"
    path.write_text(plan_text(made))
    target = tmp_path / "target"
    shutil.copytree(folder, target)
    docker.script(rest={"takes": 2})
    argv = (sys.executable, "-m", "tests.support.apply_process", "apply", target, path, "0")
    environment = docker.environment | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    with subprocess.Popen(argv, env=environment, cwd=ROOT) as process:
        deadline = time.monotonic() + 60
        while "rest" not in docker.created() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    docker.script()
    assert spoken("rollback", target, path, 0, docker) == 0
    assert files(target) == before
    environment_of_rest = docker.container("rest")["environment"]
    secret = next(
        line.partition(b"=")[2].decode()
        for line in before[".env"][0].splitlines()
        if line.startswith(b"JWT_SECRET=")
    )
    assert environment_of_rest["PGRST_JWT_SECRET"] == secret
