"""Services that can be told while they run are told, and are not created anew for their keys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.phases.containers import TAKEN, Containers
from tests.phases.test_flows import CLEAN, NOBODY_LOOKED, QUIET, checksums
from tests.support.deployments import NOW, Deployment, healthy
from tests.support.live_deployments import (
    AUTH_FILE,
    JWKS,
    with_auth_folder,
    with_envoy_folder,
    with_kong_file,
    with_rest_file,
)

from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.deploy.opened import text
from keyturn.doctor.canaries import canaries
from keyturn.flows.apply_plan import StepFailed, resume
from keyturn.flows.apply_undo import rollback
from keyturn.flows.migrate import Evidence, Wish, plan_migration
from keyturn.flows.rotate import TurnWish, plan_rotation
from keyturn.migrate.commands import RecreateService, ReloadService
from keyturn.migrate.delivery import Delivery, How, deliveries
from keyturn.migrate.deployment_keys import read_keys
from keyturn.profiles.deployment import follow
from keyturn.profiles.request import CredentialKind as Kinds
from keyturn.profiles.verdict import Outcome

SIGUSR2 = ("rest", "signal", "SIGUSR2")
WATCHED = ("auth", "watch", "8")


def evidence(
    made: Containers, logs: object = NOBODY_LOOKED, database: object = NOBODY_LOOKED
) -> Evidence:
    return Evidence(made.runs, logs, database)  # type: ignore[arg-type]


def told(folder: Path, era: str = "2026-kong", *, asymmetric: bool = False) -> Deployment:
    """A deployment whose PostgREST and Auth can be told."""
    return with_auth_folder(with_rest_file(healthy(folder, era, asymmetric=asymmetric)))


def turn(made: Containers, wish: TurnWish | None = None) -> None:
    proposal = plan_rotation(made.deployment(), wish or TurnWish(), evidence(made))
    asyncio.run(made.carry_out(proposal))


def way(made: Deployment, service: str) -> Delivery:
    return next(one for one in deliveries(made.inventory()) if one.service == service)


def test_three_phases_and_rotations_tell_rest_and_auth_and_refuse_nobody(tmp_path: Path) -> None:
    made = Containers(told(tmp_path).folder)
    old = canaries(made.files, NOW, os.urandom, include_service_role=True)
    for wait in (timedelta(minutes=20), timedelta(hours=2)):
        proposal = plan_migration(made.deployment(), Wish(), evidence(made))
        asyncio.run(made.carry_out(proposal))
        made.now += wait
    assert not {"rest", "auth"} & set(made.recreated)
    assert made.told == [SIGUSR2, WATCHED, WATCHED]
    for service in VERIFIERS:
        assert follow(made.running, old[Kinds.USER_HS256], service, now=NOW).outcome in TAKEN

    proposal = plan_migration(made.deployment(), Wish(), evidence(made, QUIET, CLEAN))
    asyncio.run(made.carry_out(proposal))
    # Its secret is in its environment, which nobody can change while it runs.
    assert "auth" in made.recreated
    for service in VERIFIERS:
        verdict = follow(made.running, old[Kinds.SERVICE_LEGACY], service, now=NOW, direct=True)
        assert verdict.outcome not in TAKEN, service

    made.recreated.clear()
    made.told.clear()
    inode = (tmp_path / JWKS).stat().st_ino
    for _ in range(2):
        made.now += timedelta(hours=3)
        turn(made)
    assert not {"rest", "auth"} & set(made.recreated)
    assert made.told == [SIGUSR2, WATCHED] * 2
    assert len(read_keys(made.running).standby) == 1
    assert (tmp_path / JWKS).stat().st_ino == inode, "the container would go on seeing the old file"


def test_what_is_explained_is_what_the_plan_does(tmp_path: Path) -> None:
    official = healthy(tmp_path / "official", "2026-kong")
    for folder in (told(tmp_path / "told").folder, official.folder):
        made = Containers(folder)
        proposal = (
            plan_rotation(made.deployment(), TurnWish(), evidence(made))
            if folder == official.folder
            else plan_migration(made.deployment(), Wish(), evidence(made))
        )
        explained = {one.service: one for one in deliveries(made.files)}
        commands = [
            one
            for one in proposal.prepared.plan.commands
            if isinstance(one, RecreateService | ReloadService) and one.service in explained
        ]
        assert {one.service for one in commands} >= {"rest", "auth", "storage"}
        for one in commands:
            live = explained[one.service].live
            assert isinstance(one, ReloadService) is (live is not None), one
            if isinstance(one, ReloadService) and live is not None:
                assert (one.way, one.argument) == (live.way, live.argument)


def test_a_signal_that_changed_nothing_is_noticed_and_taken_back(tmp_path: Path) -> None:
    made = Containers(told(tmp_path, asymmetric=True).folder)
    before = checksums(tmp_path)
    made.deaf.add("rest")
    with pytest.raises(StepFailed, match="taken back"):
        turn(made)
    # Auth's step is undone; the verifiers' step before it was proven by old tokens only.
    asyncio.run(rollback(made.ports()))
    assert checksums(tmp_path) == before
    assert made.told.count(SIGUSR2) == 2, "told again, now that the old file is back"


def test_a_revocation_that_rest_did_not_take_is_noticed(tmp_path: Path) -> None:
    made = Containers(told(tmp_path, asymmetric=True).folder)
    used = read_keys(made.files).in_use
    assert used is not None
    stolen = canaries(made.files, NOW, os.urandom)[Kinds.USER_ES256]
    made.deaf.add("rest")
    with pytest.raises(StepFailed, match="rest"):
        turn(made, TurnWish(revoke=used.kid))
    made.deaf.clear()
    asyncio.run(resume(made.ports()))
    for service in VERIFIERS:
        assert follow(made.running, stolen, service, now=NOW).outcome is Outcome.REFUSED, service


def test_rollback_tells_the_same_services_with_the_old_files(tmp_path: Path) -> None:
    made = Containers(told(tmp_path, asymmetric=True).folder)
    before, keys = checksums(tmp_path), read_keys(made.running)
    turn(made)
    assert read_keys(made.running).kids != keys.kids
    made.recreated.clear()
    made.told.clear()
    asyncio.run(rollback(made.ports()))
    assert checksums(tmp_path) == before
    assert sorted(made.told) == sorted([SIGUSR2, WATCHED])
    assert not {"rest", "auth"} & set(made.recreated)
    assert read_keys(made.running).kids == keys.kids


def test_no_private_half_of_a_former_key_is_left_in_any_file(tmp_path: Path) -> None:
    deployment = told(tmp_path, asymmetric=True)
    deployment.set("JWT_KEYS", deployment.keys.jwt_keys)
    private = deployment.keys.ec.jwk(private=True)["d"]
    made = Containers(tmp_path)
    turn(made)
    for path in (".env", AUTH_FILE, JWKS):
        assert private not in deployment.text(path), path


@pytest.mark.parametrize(
    ("era", "setup", "gateway", "command"),
    [
        ("2026-kong", with_kong_file, "kong", ("exec", "kong", "reload")),
        ("2026-envoy", with_envoy_folder, "api-gw", ("watch", "2")),
    ],
)
def test_a_gateway_with_its_tokens_in_its_own_file_is_told(
    tmp_path: Path,
    era: str,
    setup: Callable[[Deployment], Deployment],
    gateway: str,
    command: tuple[str, ...],
) -> None:
    deployment = setup(healthy(tmp_path, era))
    made = Containers(tmp_path)
    assert way(deployment, gateway).how is not How.RECREATED
    for _ in range(3):
        turn(made)
        made.now += timedelta(hours=3)
    assert gateway not in made.recreated
    assert made.told == [(gateway, *command)] * 3
    held = canaries(made.files, made.now, os.urandom, include_service_role=True)
    there = read_keys(made.running)
    for kind in (Kinds.PUBLISHABLE, Kinds.SECRET):
        verdict = follow(made.running, held[kind], Kind.REST, now=made.now)
        assert verdict.outcome is Outcome.ACCEPTED, kind
    assert deployment.keys.ec.kid not in there.kids, "and yet its key is gone by now"


def test_a_gateway_that_is_given_the_tokens_is_created_anew(tmp_path: Path) -> None:
    deployment = with_kong_file(healthy(tmp_path, "2026-kong"))
    deployment.set_setting("kong", "ANON_KEY_ASYMMETRIC", "${ANON_KEY_ASYMMETRIC}")
    found = way(deployment, "kong")
    assert found.how is How.RECREATED
    assert "ANON_KEY_ASYMMETRIC" in found.why


@pytest.mark.parametrize(
    ("change", "service", "why"),
    [
        (lambda d: d.remove(JWKS), "rest", "/keys/jwks.json"),
        (
            lambda d: d.set_setting("rest", "PGRST_JWT_SECRET", "${JWT_JWKS}").set_setting(
                "rest", "PGRST_DB_PRE_CONFIG", "api.pre_config"
            ),
            "rest",
            "PGRST_DB_PRE_CONFIG",
        ),
        (lambda d: d.set_image("rest", "postgrest/postgrest:v12.2.3"), "rest", "12.2.9"),
        (lambda d: d.set_setting("rest", "PGRST_JWT_SECRET_IS_BASE64", '"true"'), "rest", "BASE64"),
        (lambda d: d.write(AUTH_FILE, "X=1\n"), "auth", "no mounted *.env file"),
        (
            lambda d: d.set_setting("auth", "GOTRUE_RELOADING_NOTIFY_ENABLED", '"false"'),
            "auth",
            "does not watch",
        ),
        (
            lambda d: d.replace(
                "docker-compose.yml",
                "./volumes/auth.d:/etc/auth.d",
                f"./{AUTH_FILE}:/etc/auth.d/keys.env",
            ),
            "auth",
            "mounted by itself",
        ),
    ],
)
def test_a_way_without_what_it_needs_is_not_taken_and_the_reason_is_said(
    tmp_path: Path, change: Callable[[Deployment], Deployment], service: str, why: str
) -> None:
    deployment = told(tmp_path, asymmetric=True)
    assert way(deployment, service).how is not How.RECREATED
    change(deployment)
    found = way(deployment, service)
    assert (found.how, found.live) == (How.RECREATED, None)
    assert why in found.why


def test_a_file_in_a_mounted_folder_is_renamed_into_place(tmp_path: Path) -> None:
    deployment = with_rest_file(healthy(tmp_path, "2026-kong"), folder=True)
    made = Containers(tmp_path)
    proposal = plan_rotation(made.deployment(), TurnWish(), evidence(made))
    writes = {one.path: one.in_place for one in proposal.prepared.plan.writes}
    assert writes[JWKS] is False
    alone = Containers(with_rest_file(healthy(tmp_path / "alone", "2026-kong")).folder)
    proposal = plan_rotation(alone.deployment(), TurnWish(), evidence(alone))
    assert {one.path: one.in_place for one in proposal.prepared.plan.writes}[JWKS] is True
    assert way(deployment, "rest").live is not None


def test_a_service_that_another_setting_changes_for_is_created_anew(tmp_path: Path) -> None:
    deployment = with_rest_file(healthy(tmp_path, "2026-kong"))
    deployment.set_setting("rest", "PGRST_APP_SETTINGS_JWKS", "${JWT_JWKS}")
    made = Containers(tmp_path)
    proposal = plan_rotation(made.deployment(), TurnWish(), evidence(made))
    anew = [one for one in proposal.prepared.plan.commands if isinstance(one, RecreateService)]
    rest = next(one for one in anew if one.service == "rest")
    assert rest.notice, "then its users notice something"
    assert not made.told


def test_the_last_file_of_the_watched_folder_decides(tmp_path: Path) -> None:
    deployment = told(tmp_path, asymmetric=True)
    deployment.write("volumes/auth.d/zz.env", "GOTRUE_JWT_KEY_ID=later\n")
    deployment.write("volumes/auth.d/aa.env", "GOTRUE_JWT_KEY_ID=earlier\n")
    deployment.set_setting("auth", "GOTRUE_JWT_KEY_ID", "least")
    found = deployment.inventory().services["auth"].settings["GOTRUE_JWT_KEY_ID"]
    assert (text(found), found.place.file) == ("later", "volumes/auth.d/zz.env")


def test_why_neither_notify_nor_the_tenant_api_is_used_is_said(tmp_path: Path) -> None:
    """Realtime's seeds write its row from the environment at every start (services.md §5)."""
    deployment = healthy(tmp_path, "2026-envoy")
    assert "NOTIFY pgrst cannot change an environment" in way(deployment, "rest").why
    assert "a crash too" in way(deployment, "realtime").why
    deployment.set_setting("rest", "PGRST_DB_PRE_CONFIG", "postgrest.pre_config")
    assert "change them there, then NOTIFY pgrst" in way(deployment, "rest").why
    for service in ("rest", "realtime"):
        assert way(deployment, service).how is How.RECREATED
