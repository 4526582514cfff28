"""The real command lines of the three programs, and what is made of their answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.deployments import Deployment, healthy
from tests.support.docker_double import DockerDouble

from keyturn.adapters.compose_health import Condition, from_compose, from_inspect, from_podman
from keyturn.adapters.compose_program import find_program
from keyturn.adapters.compose_runner import ComposeRunner
from keyturn.adapters.other_runners import PrintRunner, TemplateRunner
from keyturn.deploy.rewrite_dialect import Dialect
from keyturn.deploy.source import Ask
from keyturn.errors import Unreachable, UsageError
from keyturn.flows.ports.apply import ServiceFailed
from keyturn.migrate.commands import Way

PROGRAMS = {
    "docker": (["docker", "compose"], Dialect.COMPOSE),
    "docker-compose": (["docker-compose"], Dialect.COMPOSE_V1),
    "podman-compose": (["podman-compose"], Dialect.PODMAN),
}


@pytest.fixture
def made(tmp_path: Path) -> Deployment:
    folder = tmp_path / "deployment"
    folder.mkdir()
    return healthy(folder)


async def runner(
    docker: DockerDouble, made: Deployment, wanted: str = "docker", ask: Ask | None = None
) -> ComposeRunner:
    shell = docker.shell(made.folder)
    program = await find_program(shell, wanted)
    return ComposeRunner(shell, program, ask or Ask(), limit=0.05, pause=0.01)


@pytest.mark.parametrize("name", PROGRAMS)
async def test_one_service_is_created_anew_and_waited_for(
    docker: DockerDouble, made: Deployment, name: str
) -> None:
    docker.script(realtime={"looks": [["running", "starting"], ["running", "healthy"]]})
    found = await runner(docker, made, name)
    await found.check()
    await found.recreate("realtime")
    prefix, _ = PROGRAMS[name]
    ups = [call for call in docker.calls if "up" in call]
    assert ups == [[*prefix, "up", "-d", "--no-deps", "--force-recreate", "realtime"]]
    held = docker.container("realtime")
    assert held["environment"]["API_JWT_SECRET"] == made.keys.jwt_secret
    assert held["looks"] == 2


@pytest.mark.parametrize("name", PROGRAMS)
async def test_no_argument_is_a_secret(docker: DockerDouble, made: Deployment, name: str) -> None:
    found = await runner(docker, made, name)
    await found.recreate("auth")
    await found.reload("rest", Way.SIGNAL, ("SIGUSR2",))
    await found.reload("rest", Way.EXEC, ("kong", "reload"))
    prefix, _ = PROGRAMS[name]
    assert [*prefix, "kill", "-s", "SIGUSR2", "rest"] in docker.calls
    assert [*prefix, "exec", "-T", "rest", "kong", "reload"] in docker.calls
    spoken = json.dumps(docker.calls)
    for secret in (made.keys.jwt_secret, made.keys.anon, made.keys.secret, made.keys.jwt_keys):
        assert secret not in spoken


async def test_what_the_user_says_to_compose_is_said(
    docker: DockerDouble, made: Deployment
) -> None:
    made.write("prod.env", made.text(".env"))
    ask = Ask(files=("docker-compose.yml",), env_files=("prod.env",), profiles=("x",))
    await (await runner(docker, made, ask=ask)).recreate("rest")
    options = ["-f", "docker-compose.yml", "--env-file", "prod.env", "--profile", "x"]
    assert [
        "docker",
        "compose",
        *options,
        "ps",
        "--all",
        "--format",
        "json",
        "rest",
    ] in docker.calls


@pytest.mark.parametrize(
    ("looks", "says"),
    [
        ([["running", "unhealthy"]], "auth is unhealthy"),
        ([["exited", ""]], "auth is not running"),
        ([["restarting", ""]], "auth is restarting again and again"),
        ([["running", "starting"]], "did not become healthy in time"),
        ([["running", ""], ["restarting", ""]], "restarting again and again"),
    ],
)
@pytest.mark.parametrize("name", ["docker", "docker-compose"])
async def test_a_service_that_does_not_come_up(
    docker: DockerDouble, made: Deployment, name: str, looks: Any, says: str
) -> None:
    docker.script(auth={"looks": looks})
    with pytest.raises(ServiceFailed, match=says) as failure:
        await (await runner(docker, made, name)).recreate("auth")
    assert "logs --tail 50 auth" in (failure.value.hint or "")


async def test_a_service_without_healthcheck_must_stay_up(
    docker: DockerDouble, made: Deployment
) -> None:
    docker.script(rest={"looks": [["created", ""], ["running", ""]]})
    await (await runner(docker, made)).recreate("rest")
    assert docker.container("rest")["looks"] == 4


async def test_a_command_that_fails_is_shown_with_its_complaint(
    docker: DockerDouble, made: Deployment
) -> None:
    docker.script(auth={"up": 1, "kill": 1})
    found = await runner(docker, made)
    with pytest.raises(
        ServiceFailed, match=r"--force-recreate auth` failed with code 1: Error resp"
    ):
        await found.recreate("auth")
    with pytest.raises(ServiceFailed, match="is not running"):
        await found.reload("auth", Way.SIGNAL, ("SIGUSR2",))


async def test_a_daemon_that_does_not_answer_is_found_before_anything_is_done(
    docker: DockerDouble, made: Deployment
) -> None:
    docker.script(daemon="down")
    with pytest.raises(Unreachable, match="Is the docker daemon running"):
        await (await runner(docker, made)).check()


async def test_the_first_program_that_works_is_taken(
    docker: DockerDouble, made: Deployment
) -> None:
    shell = docker.shell(made.folder)
    for name, (argv, dialect) in PROGRAMS.items():
        found = await find_program(shell)
        assert (list(found.argv), found.dialect) == (argv, dialect)
        docker.uninstall(name)
    with pytest.raises(Unreachable, match="Neither docker compose nor podman-compose"):
        await find_program(shell)


async def test_a_docker_compose_of_version_2_is_no_old_one(
    docker: DockerDouble, made: Deployment
) -> None:
    docker.script(version={"docker-compose": "2.39.1"})
    found = await find_program(docker.shell(made.folder), "docker-compose")
    assert found.dialect is Dialect.COMPOSE


async def test_an_option_that_a_program_lacks_is_refused(
    docker: DockerDouble, made: Deployment
) -> None:
    ask = Ask(env_files=("a", "b"))
    with pytest.raises(Unreachable, match="no more than one --env-file"):
        await (await runner(docker, made, "podman-compose", ask)).recreate("rest")


async def test_a_command_that_hangs_is_killed(docker: DockerDouble, made: Deployment) -> None:
    docker.script(rest={"takes": 60})
    argv = ("docker", "compose", "up", "-d", "--no-deps", "--force-recreate", "rest")
    with pytest.raises(Unreachable, match="did not end within 1 s"):
        await docker.shell(made.folder).run(argv, limit=1.0)


async def test_printed_commands_wait_for_a_person() -> None:
    told: list[str] = []
    answers = iter([True, False])

    async def confirm(question: str) -> bool:
        await asyncio.sleep(0)
        told.append(question)
        return next(answers)

    found = PrintRunner(Ask(files=("my compose.yml",)), told.append, confirm)
    await found.check()
    await found.recreate("rest")
    assert told == [
        "  docker compose -f 'my compose.yml' up -d --no-deps --force-recreate rest",
        "Is rest up and healthy again?",
    ]
    with pytest.raises(ServiceFailed, match="rest did not come up"):
        await found.reload("rest", Way.SIGNAL, ("SIGUSR2",))


async def test_who_watches_its_files_gets_time_and_no_command(
    docker: DockerDouble, made: Deployment
) -> None:
    slept: list[float] = []
    told: list[str] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)
        slept.append(seconds)

    async def nobody(question: str) -> bool:
        raise AssertionError(question)

    shell = docker.shell(made.folder)
    program = await find_program(shell)
    known = len(docker.calls)
    for one in (
        ComposeRunner(shell, program, Ask(), sleep=sleep),
        TemplateRunner(shell, "false {service}", sleep),
        PrintRunner(Ask(), told.append, nobody, sleep=sleep),
    ):
        await one.reload("auth", Way.WATCH, ("8",))
    assert slept == [8.0] * 3
    assert len(docker.calls) == known
    assert told == ["  auth reads its files again by itself, within 8 s."]


async def test_a_command_of_the_users_own(docker: DockerDouble, made: Deployment) -> None:
    (made.folder / "deploy").write_text('#!/bin/sh\necho "$@" >> calls\n[ "$2" != auth ]\n')
    (made.folder / "deploy").chmod(0o755)
    found = TemplateRunner(docker.shell(made.folder), "./deploy {action} {service} {argument}")
    await found.check()
    await found.recreate("rest")
    await found.reload("kong", Way.EXEC, ("kong", "reload"))
    assert (made.folder / "calls").read_text() == "recreate rest\nreload kong kong reload\n"
    with pytest.raises(ServiceFailed, match="deploy recreate auth` failed with code 1"):
        await found.recreate("auth")


@pytest.mark.parametrize(
    "template", ["deploy", "deploy {service} {secret}", "deploy '{service}", "{"]
)
def test_a_template_that_cannot_work_is_refused(template: str, docker: DockerDouble) -> None:
    with pytest.raises(UsageError):
        TemplateRunner(docker.shell(Path()), template)


@pytest.mark.parametrize(
    ("output", "condition"),
    [
        ('[{"Service":"a","State":"running","Health":"healthy"}]', Condition.HEALTHY),
        ('{"Service":"a","State":"running","Health":""}\n{"Service":"b"}', Condition.RUNNING),
        ('{"Service":"b","State":"running"}', Condition.GONE),
        ("", Condition.GONE),
        ("not json", Condition.GONE),
        ('{"State":"running","Health":"starting"}', Condition.STARTING),
        ('{"State":"running"}\n{"State":"exited"}', Condition.GONE),
    ],
)
def test_compose_ps(output: str, condition: Condition) -> None:
    assert from_compose(output, "a").condition is condition


def test_inspect_and_podman() -> None:
    state = {"Status": "running", "Restarting": False, "Health": {"Status": "unhealthy"}}
    assert from_inspect(json.dumps(state)).condition is Condition.UNHEALTHY
    assert from_inspect('{"Status":"running","Restarting":true}').condition is Condition.RESTARTING
    row = {
        "State": "running",
        "Status": "Up 2 seconds (healthy)",
        "Labels": {"com.docker.compose.service": "a"},
    }
    assert from_podman(json.dumps([row]), "a").condition is Condition.HEALTHY
    assert from_podman(json.dumps([row]), "b").condition is Condition.GONE
    starting = row | {"Status": "Up 1 second (starting)"}
    assert from_podman(json.dumps([starting]), "a").condition is Condition.STARTING
