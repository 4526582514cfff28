"""From edits to running containers and back, through files, journal and the real command lines."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from tests.deploy.test_second_opinion import podman_compose
from tests.support.apply_process import Nobody, ports
from tests.support.deployments import JWKS_SETTINGS, NOW, Deployment, healthy
from tests.support.docker_double import DockerDouble

from keyturn.adapters.compose_program import find_program
from keyturn.adapters.compose_runner import ComposeRunner
from keyturn.adapters.deployment_files import FolderSource
from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.adapters.journal_file import JournalFile
from keyturn.deploy.edit import Edit, SetHealthcheck, SetSetting, SetVariable, UncommentSetting
from keyturn.deploy.opened import text
from keyturn.deploy.read import inventory
from keyturn.deploy.rewrite import Style
from keyturn.deploy.rewrite_dialect import Dialect
from keyturn.deploy.source import Ask
from keyturn.flows.apply_command import EditedMeanwhile
from keyturn.flows.apply_plan import apply_plan, stage
from keyturn.flows.apply_status import export_changes, status
from keyturn.flows.apply_undo import UndoIncomplete, rollback
from keyturn.flows.ports.apply import Locked
from keyturn.migrate.plan import Prepared, Recreate, Step, build_plan
from keyturn.secret import Secret

PROGRAMS = {
    "docker": Dialect.COMPOSE,
    "docker-compose": Dialect.COMPOSE_V1,
    "podman-compose": Dialect.PODMAN,
}


@pytest.fixture
def made(tmp_path: Path) -> Deployment:
    folder = tmp_path / "deployment"
    folder.mkdir()
    found = healthy(folder, "2026-kong", asymmetric=False)
    (folder / ".env").chmod(0o640)
    return found


def publishing(made: Deployment) -> tuple[Edit, ...]:
    return (
        SetVariable("JWT_KEYS", Secret(made.keys.jwt_keys)),
        SetVariable("JWT_JWKS", Secret(made.keys.jwt_jwks)),
        *(UncommentSetting(service, name) for service, name in JWKS_SETTINGS),
    )


def planned(made: Deployment, style: Style, *edits: Edit) -> Prepared:
    step = Step("Publish", edits=edits or publishing(made), services=(Recreate("storage"),))
    return build_plan(
        FolderSource(made.folder), Ask(), [step], plan_id="p", title="T", now=NOW, style=style
    )


async def runner(docker: DockerDouble, made: Deployment, name: str) -> ComposeRunner:
    shell = docker.shell(made.folder)
    return ComposeRunner(shell, await find_program(shell, name), Ask(), limit=0.05, pause=0.01)


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.name: (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in folder.iterdir()
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("name", "in_place"),
    [
        pytest.param("docker", False, id="docker, override"),
        pytest.param("docker", True, id="docker, in place"),
        pytest.param("docker-compose", True, id="v1, in place"),
        pytest.param("podman-compose", False, id="podman, override"),
    ],
)
async def test_there_and_back(
    docker: DockerDouble, made: Deployment, name: str, in_place: bool
) -> None:
    before = files(made.folder)
    prepared = planned(made, Style(in_place=in_place, dialect=PROGRAMS[name]))
    services = await runner(docker, made, name)
    await services.recreate("rest")
    at_first = docker.container("rest")["environment"]
    used = ports(made.folder, services)
    stage(used, prepared)
    await apply_plan(used, prepared.plan)
    # Only what changed, in the order of the plan.
    assert docker.created()[1:] == ["storage", "auth", "rest", "realtime", "functions"]
    jwks, keys = made.keys.jwt_jwks, made.keys.jwt_keys
    got = {service: docker.container(service)["environment"] for service in docker.created()[1:]}
    assert got["auth"]["GOTRUE_JWT_KEYS"] == keys
    assert got["rest"]["PGRST_JWT_SECRET"] == jwks
    assert {got[service][setting] for service, setting in JWKS_SETTINGS[1:]} == {jwks}
    await rollback(used)
    assert files(made.folder) == before
    assert docker.container("rest")["environment"] == at_first
    assert docker.created()[6:] == ["functions", "realtime", "rest", "auth", "storage"]


async def test_an_unhealthy_service_takes_everything_back(
    docker: DockerDouble, made: Deployment
) -> None:
    before = files(made.folder)
    prepared = planned(made, Style())
    looks = [["running", "starting"], ["running", "unhealthy"]]
    docker.script(realtime={"looks": looks})
    used = ports(made.folder, await runner(docker, made, "docker"))
    stage(used, prepared)
    with pytest.raises(UndoIncomplete, match="realtime is unhealthy") as failure:
        await apply_plan(used, prepared.plan)
    # It stays unhealthy, so taking back says so too, with the files as they were.
    assert files(made.folder) == before
    assert "resume" in (failure.value.hint or "")
    docker.script()
    await rollback(used)
    assert docker.container("rest")["environment"]["PGRST_JWT_SECRET"] == made.keys.jwt_secret
    standing = status(used)
    assert standing is not None
    assert standing.as_dict()["status"] == "rolled_back"
    assert "realtime is unhealthy" in (standing.failure or "")


async def test_nothing_secret_is_in_the_journal(docker: DockerDouble, made: Deployment) -> None:
    prepared = planned(made, Style())
    used = ports(made.folder, await runner(docker, made, "docker"))
    stage(used, prepared)
    await apply_plan(used, prepared.plan)
    journal = (made.folder / ".keyturn/journal.jsonl").read_text()
    spoken = journal + str(docker.calls)
    for line in made.text(".env").splitlines():
        value = line.partition("=")[2]
        if len(value) > 20 and not value.startswith("http"):
            assert value not in spoken
    assert not (made.folder / ".keyturn/plans").exists()


async def test_an_edit_between_plan_and_apply_is_kept(made: Deployment) -> None:
    prepared = planned(made, Style())
    used = ports(made.folder)
    stage(used, prepared)
    made.set("SITE_URL", "https://other.example.com")
    before = files(made.folder)
    with pytest.raises(EditedMeanwhile, match=r"\.env was changed by somebody else"):
        await apply_plan(used, prepared.plan)
    assert files(made.folder) == before


async def test_a_file_that_compose_would_load_now_is_an_edit_too(made: Deployment) -> None:
    prepared = planned(made, Style(in_place=True))
    used = ports(made.folder)
    stage(used, prepared)
    made.write("compose.override.yml", "services: {}\n")
    with pytest.raises(EditedMeanwhile, match=r"compose\.override\.yml was made by somebody"):
        await apply_plan(used, prepared.plan)


async def test_a_second_run_is_locked_out(made: Deployment) -> None:
    prepared = planned(made, Style())
    used = ports(made.folder)
    stage(used, prepared)
    with JournalFile(made.folder).lock(), pytest.raises(Locked):
        await apply_plan(used, prepared.plan)


async def test_a_linked_env_file_stays_linked(made: Deployment) -> None:
    real = made.folder.parent / "secrets.env"
    shutil.move(made.folder / ".env", real)
    (made.folder / ".env").symlink_to(real)
    before = real.read_bytes()
    prepared = planned(made, Style())
    used = ports(made.folder)
    stage(used, prepared)
    await apply_plan(used, prepared.plan)
    assert (made.folder / ".env").is_symlink()
    assert made.keys.jwt_jwks.encode() in real.read_bytes()
    await rollback(used)
    assert (real.read_bytes(), stat.S_IMODE(real.stat().st_mode)) == (before, 0o640)
    assert [path.name for path in made.folder.parent.glob("*secrets*")] == ["secrets.env"]


def test_changes_for_a_repository(made: Deployment, tmp_path: Path) -> None:
    before = files(made.folder)
    prepared = planned(made, Style(in_place=True))
    target = tmp_path / "pull-request"
    assert export_changes(prepared, DeploymentWriter(target)) == (".env", "docker-compose.yml")
    assert files(made.folder) == before
    assert not (made.folder / ".keyturn").exists()
    for name in ("volumes",):
        shutil.copytree(made.folder / name, target / name)
    found = inventory(FolderSource(target), Ask())
    assert text(found.services["auth"].settings["GOTRUE_JWT_KEYS"]) == made.keys.jwt_keys


@pytest.mark.parametrize("dialect", PROGRAMS.values())
@pytest.mark.parametrize("in_place", [False, True], ids=["override", "in place"])
async def test_podman_compose_reads_what_was_written(
    made: Deployment, tmp_path: Path, dialect: Dialect, in_place: bool
) -> None:
    edits = (
        *publishing(made),
        SetVariable("HEALTH", Secret('it\'s 5 # "or" \\more')),
        SetSetting("meta", "NEW", "a: ${HEALTH} #x"),
        SetHealthcheck("realtime", "${ANON_KEY}", "${HEALTH}"),
    )
    used = ports(made.folder, Nobody())
    prepared = planned(made, Style(in_place=in_place, dialect=dialect), *edits)
    stage(used, prepared)
    await apply_plan(used, prepared.plan)
    ours = {
        name: {setting: text(one) for setting, one in service.settings.items()}
        for name, service in made.inventory().services.items()
    }
    assert podman_compose(made.folder, tmp_path / "bin") == ours
