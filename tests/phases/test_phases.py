"""The three phases on fixture deployments: what every service would answer after each step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.phases.walk import Walk, new
from tests.support.deployments import ASYMMETRIC_ERAS, NOW, healthy

from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.deploy.opened import text
from keyturn.migrate import capabilities, phase_one, phase_three, phase_two
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.refusals import CannotMigrate
from keyturn.profiles.deployment import follow, healthcheck, s3
from keyturn.profiles.request import CredentialKind as Kinds
from keyturn.profiles.verdict import Outcome

OLD = (Kinds.USER_HS256, Kinds.ANON_LEGACY, Kinds.SERVICE_LEGACY)


@pytest.fixture(params=ASYMMETRIC_ERAS)
def walk(request: pytest.FixtureRequest, tmp_path: Path) -> Walk:
    """A healthy deployment that knows HS256 only."""
    return Walk(healthy(tmp_path, request.param, asymmetric=False))


def test_each_phase_is_proven_and_leaves_nothing_for_doctor(walk: Walk) -> None:
    assert walk.phase() == "0"
    before = walk.credentials()
    walk.go(phase_one.steps(walk.inventory, new()))
    assert (walk.phase(), walk.findings(), walk.wrong) == ("1", [], [])
    walk.go(phase_two.steps(walk.inventory))
    assert (walk.phase(), walk.findings(), walk.wrong) == ("2", [], [])
    walk.go(phase_three.steps(walk.inventory, new()), also={kind: before[kind] for kind in OLD})
    assert (walk.phase(), walk.findings(), walk.wrong) == ("3", [], [])


def test_what_worked_before_is_refused_by_nobody_until_phase_three(walk: Walk) -> None:
    before = walk.credentials()
    for steps in (phase_one.steps(walk.inventory, new()), None):
        walk.go(steps or phase_two.steps(walk.inventory))
        for service in VERIFIERS:
            for kind in OLD:
                verdict = follow(walk.inventory, before[kind], service, now=NOW)
                assert verdict.outcome in (Outcome.ACCEPTED, Outcome.OPEN), (service, kind)


def test_auth_signs_hs256_until_phase_two(walk: Walk) -> None:
    walk.go(phase_one.steps(walk.inventory, new()))
    auth = walk.inventory.of_kind(Kind.AUTH)
    assert auth is not None
    rows = json.loads(text(auth.get("GOTRUE_JWT_KEYS")) or "")
    assert [row["kty"] for row in rows if "sign" in row["key_ops"]] == ["oct"]
    assert "kid" not in next(row for row in rows if row["kty"] == "oct")
    walk.go(phase_two.steps(walk.inventory))
    keys = read_keys(walk.inventory)
    assert keys.in_use is not None
    assert keys.in_use.alg == "ES256"
    assert len(keys.standby) == 1, "an emergency must not wait for a publication"
    assert keys.legacy is not None


def test_the_old_secret_opens_nothing_after_phase_three(walk: Walk) -> None:
    """Asked directly, past the gateway: a token that anybody signs with the old secret."""
    old = walk.credentials()
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.go(phase_two.steps(walk.inventory))
    walk.go(phase_three.steps(walk.inventory, new()))
    for service in VERIFIERS:
        for kind in (Kinds.USER_HS256, Kinds.SERVICE_LEGACY):
            verdict = follow(walk.inventory, old[kind], service, now=NOW, direct=True)
            assert verdict.outcome is Outcome.REFUSED, (service, kind, verdict)


def test_realtimes_healthcheck_and_s3_survive_every_phase(walk: Walk) -> None:
    for number in (1, 2, 3):
        walk.go(
            (phase_one.steps, lambda i, _: phase_two.steps(i), phase_three.steps)[number - 1](
                walk.inventory, new()
            )
        )
        health = healthcheck(walk.inventory, NOW)
        assert health is not None
        assert health.outcome is Outcome.ACCEPTED, number
        storage = s3(walk.inventory, NOW)
        assert storage is None or storage.outcome is Outcome.ACCEPTED, (number, storage)


def test_signed_urls_of_phase_one_outlive_the_secret(walk: Walk) -> None:
    walk.go(phase_one.steps(walk.inventory, new()))
    before = capabilities.url_signing_key(walk.inventory)
    walk.go(phase_two.steps(walk.inventory))
    walk.go(phase_three.steps(walk.inventory, new()))
    assert before is not None
    assert capabilities.url_signing_key(walk.inventory) == before
    for service in walk.inventory.services.values():
        if service.kind is not Kind.STORAGE:
            held = " ".join(text(one) or "" for one in service.settings.values())
            assert str(before["k"]) not in held, service.name


def test_the_database_is_never_created_anew(walk: Walk) -> None:
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.go(phase_two.steps(walk.inventory))
    walk.go(phase_three.steps(walk.inventory, new()))
    database = walk.inventory.of_kind(Kind.DATABASE)
    assert database is not None
    assert database.name not in walk.recreated


def test_phase_two_touches_auth_alone(walk: Walk) -> None:
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.recreated.clear()
    walk.go(phase_two.steps(walk.inventory))
    auth = walk.inventory.of_kind(Kind.AUTH)
    assert auth is not None
    assert walk.recreated == [auth.name]


def test_no_plan_shows_a_secret(walk: Walk) -> None:
    secrets = {walk.deployment.keys.jwt_secret, walk.deployment.keys.service_role}
    for make in (phase_one.steps, lambda i, _: phase_two.steps(i), phase_three.steps):
        prepared = walk.go(make(walk.inventory, new()))
        for held in walk.inventory.variables.values():
            value = text(held) or ""
            if len(value) > 20 and any(letter.isdigit() for letter in value):
                secrets.add(value)
        shown = prepared.diff + repr(prepared.plan) + repr(prepared)
        leaked = [value[:6] for value in secrets if value in shown and "/" not in value]
        assert leaked == []


def test_an_old_stack_is_told_everything_at_once(tmp_path: Path) -> None:
    walk = Walk(healthy(tmp_path, "2023-kong"))
    with pytest.raises(CannotMigrate) as refused:
        phase_one.steps(walk.inventory, new())
    for name in ("auth is 2.40.1", "realtime is", "storage is"):
        assert name in refused.value.message
    assert "SEED_SELF_HOST" not in refused.value.message, "its start command seeds the row"


def test_functions_that_know_hs256_only_are_foreseen(tmp_path: Path) -> None:
    walk = Walk(healthy(tmp_path, "2025-kong"))
    walk.go(phase_one.steps(walk.inventory, new()))
    assert any("functions: Does it accept user ES256?" in one for one in walk.wrong)


def test_phase_three_waits_for_a_gateway_that_knows_sb_keys(tmp_path: Path) -> None:
    walk = Walk(healthy(tmp_path, "2025-kong"))
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.go(phase_two.steps(walk.inventory))
    with pytest.raises(CannotMigrate, match="legacy API keys"):
        phase_three.steps(walk.inventory, new())


def test_phases_are_done_in_order_and_once(walk: Walk) -> None:
    with pytest.raises(CannotMigrate, match="no asymmetric key"):
        phase_two.steps(walk.inventory)
    with pytest.raises(CannotMigrate, match="still signs HS256"):
        phase_three.steps(walk.inventory, new())
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.go(phase_two.steps(walk.inventory))
    with pytest.raises(CannotMigrate, match="already"):
        phase_two.steps(walk.inventory)


def test_an_allow_list_without_the_new_algorithm_stops_phase_one(walk: Walk) -> None:
    walk.deployment.set_setting("auth", "GOTRUE_JWT_VALID_METHODS", "HS256")
    with pytest.raises(CannotMigrate, match="GOTRUE_JWT_VALID_METHODS"):
        phase_one.steps(walk.inventory, new())


def test_an_unknown_service_with_the_secret_stops_phase_three(walk: Walk) -> None:
    walk.go(phase_one.steps(walk.inventory, new()))
    walk.go(phase_two.steps(walk.inventory))
    walk.deployment.rewrite(
        "docker-compose.yml",
        lambda old: old.replace(
            "services:\n",
            "services:\n  shop:\n    image: example/shop:1.0\n    environment:\n"
            "      TOKEN_SECRET: ${JWT_SECRET}\n",
            1,
        ),
    )
    with pytest.raises(CannotMigrate, match="shop is given the shared secret as TOKEN_SECRET"):
        phase_three.steps(walk.inventory, new())


@pytest.mark.parametrize(
    "command",
    [
        "/app/bin/realtime eval 'Realtime.Release.seeds(Realtime.Repo)' && /app/bin/server",
        "/app/bin/migrate && mix run priv/repo/seeds.exs",
    ],
)
def test_a_start_command_that_seeds_is_as_good_as_the_setting(walk: Walk, command: str) -> None:
    """The community's chart for Kubernetes has no SEED_SELF_HOST."""
    walk.deployment.unset_setting("realtime", "SEED_SELF_HOST")
    with pytest.raises(CannotMigrate, match="SEED_SELF_HOST"):
        phase_one.steps(walk.inventory, new())
    walk.deployment.rewrite(
        "docker-compose.yml",
        lambda old: old.replace(
            "  realtime:\n", f'  realtime:\n    command: ["/bin/sh", "-c", {json.dumps(command)}]\n'
        ),
    )
    assert phase_one.steps(walk.inventory, new())
