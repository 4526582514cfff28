"""The real command lines: what ``docker compose`` is told restarts the local verifiers.

The test's own ``docker`` resolves the environment as Compose does and calls a hook, which tells the
rehearsal by a socket; the local service starts with what the files give it now.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.rehearse.stage import FEW, standing
from tests.support.deployments import healthy
from tests.support.docker_double import DockerDouble
from tests.support.live_deployments import with_auth_folder, with_kong_file, with_rest_file

from keyturn.adapters.compose_program import find_program
from keyturn.adapters.compose_runner import ComposeRunner
from keyturn.deploy.inventory import Kind
from keyturn.deploy.rewrite import Style
from keyturn.deploy.rewrite_dialect import Dialect
from keyturn.deploy.source import Ask
from keyturn.doctor.facts import DatabaseFacts, LogFacts
from keyturn.flows.apply_plan import apply_plan
from keyturn.flows.apply_plan import stage as keep_contents
from keyturn.flows.change import Deployment
from keyturn.flows.migrate import Evidence, Wish, plan_migration
from keyturn.flows.rehearse import Rehearsal
from keyturn.flows.rotate import TurnWish, plan_rotation
from keyturn.migrate.commands import Way
from keyturn.migrate.run import Status
from keyturn.wiring.rehearsal import LocalStage

pytestmark = pytest.mark.timeout(300)
DIALECTS = {
    "docker": Dialect.COMPOSE,
    "docker-compose": Dialect.COMPOSE_V1,
    "podman-compose": Dialect.PODMAN,
}
HOOK = """\
#!{python} -IS
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({path!r})
line.sendall(("\\0".join([*sys.argv[1:3], *sys.argv[4:]]) + "\\n").encode())
sys.exit(0 if line.recv(16) == b"ok\\n" else 1)
"""


@asynccontextmanager
async def enacting(docker: DockerDouble, stage: LocalStage, path: Path) -> AsyncIterator[list[str]]:
    """Let the hook of ``docker`` create local services anew, or tell them; yields what was done."""
    seen: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        action, service, *argument = (await reader.readline()).decode().strip().split("\0")
        if action == "up":
            await stage.services.recreate(service)
            seen.append(service)
        else:
            way = Way.SIGNAL if action == "kill" else Way.EXEC
            await stage.services.reload(service, way, argument)
            seen.append(" ".join((action, service, *argument)))
        writer.write(b"ok\n")
        await writer.drain()
        writer.close()

    docker.hook(HOOK.format(python=sys.executable, path=str(path)))
    server = await asyncio.start_unix_server(answer, str(path))
    async with server:
        yield seen


@pytest.mark.parametrize("program", list(DIALECTS))
async def test_phase_one_by_compose_commands_refuses_nobody(tmp_path: Path, program: str) -> None:
    healthy(tmp_path / "deployment", "2026-kong", asymmetric=False)
    docker = DockerDouble(tmp_path / "docker")
    async with (
        standing(tmp_path / "deployment") as (stage, clock),
        enacting(docker, stage, tmp_path / "line") as seen,
    ):
        shell = docker.shell(stage.source.folder)
        found = await find_program(shell, program)
        runner = ComposeRunner(shell, found, Ask(), pause=0.01)
        rehearsal = Rehearsal(stage, clock, FEW, os.urandom)
        rehearsal.begin("before", "Before")
        rehearsal.learn()
        async with rehearsal.crowd.alive():
            await rehearsal.look()
            rehearsal.begin("phase 1", "Phase 1")
            before, style = stage.inventory(), Style(dialect=DIALECTS[program])
            deployment = Deployment(stage.source, Ask(), style, clock(), os.urandom)
            evidence = Evidence((), LogFacts(None, None, 0, 0), DatabaseFacts())
            plan = plan_migration(deployment, Wish(phase=1), evidence).prepared
            ports = replace(rehearsal.ports(before, len(plan.plan.commands)), services=runner)
            keep_contents(ports, plan)
            with clock.busily():
                applied = await apply_plan(ports, plan.plan, wait=True)
            await rehearsal.look()
        report = rehearsal.report()
        container, held = docker.container("rest"), stage.held(Kind.REST)

    assert applied.status is Status.FINISHED
    assert {"rest", "realtime", "storage", "functions", "auth", "kong"} <= set(seen)
    assert (report.refused, report.accepted) == (0, 0)
    # The shim resolved the files as Compose would, the stage as Keyturn reads them.
    assert container["environment"]["PGRST_JWT_SECRET"] == held["PGRST_JWT_SECRET"]
    assert all("--force-recreate" in call for call in docker.calls if "up" in call)


@pytest.mark.parametrize("program", ["docker", "podman-compose"])
async def test_a_rotation_by_signal_and_reload_refuses_nobody(tmp_path: Path, program: str) -> None:
    """PostgREST by SIGUSR2, Kong by ``kong reload``, Auth by the file that it watches."""
    made = with_kong_file(healthy(tmp_path / "deployment", "2026-kong", now=datetime.now(UTC)))
    with_auth_folder(with_rest_file(made))
    docker = DockerDouble(tmp_path / "docker")
    async with (
        standing(made.folder) as (stage, clock),
        enacting(docker, stage, tmp_path / "line") as seen,
    ):
        shell = docker.shell(stage.source.folder)

        async def watch(seconds: float) -> None:
            """While nobody is told anything, Auth looks at its folder."""
            await stage.services.reload("auth", Way.WATCH, (str(seconds),))

        found = await find_program(shell, program)
        runner = ComposeRunner(shell, found, Ask(), pause=0.01, sleep=watch)
        rehearsal = Rehearsal(stage, clock, FEW, os.urandom)
        rehearsal.begin("before", "Before")
        rehearsal.learn()
        async with rehearsal.crowd.alive():
            await rehearsal.look()
            rehearsal.begin("rotation", "A rotation")
            before, style = stage.inventory(), Style(dialect=DIALECTS[program])
            deployment = Deployment(stage.source, Ask(), style, clock(), os.urandom)
            evidence = Evidence((), LogFacts(None, None, 0, 0), DatabaseFacts())
            plan = plan_rotation(deployment, TurnWish(), evidence).prepared
            ports = replace(rehearsal.ports(before, len(plan.plan.commands)), services=runner)
            keep_contents(ports, plan)
            with clock.busily():
                applied = await apply_plan(ports, plan.plan, wait=True)
            await rehearsal.look()
        report = rehearsal.report()

    assert applied.status is Status.FINISHED
    assert {"kill rest SIGUSR2", "exec kong kong reload"} <= set(seen)
    assert not {"rest", "kong", "auth"} & set(seen), "none of them was created anew"
    assert (report.refused, report.accepted) == (0, 0)
