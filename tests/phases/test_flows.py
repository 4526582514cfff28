"""Whole migrations: real files, a real journal, and containers that keep what they got."""

from __future__ import annotations

import asyncio
import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest
from tests.phases.containers import TAKEN, Containers
from tests.support.deployments import ASYMMETRIC_ERAS, NOW, healthy

from keyturn.deploy.inventory import VERIFIERS
from keyturn.doctor.canaries import canaries
from keyturn.doctor.facts import DatabaseFacts, Dependant, LogFacts, Unknown
from keyturn.errors import UsageError, WaitNotOver
from keyturn.flows.apply_plan import StepFailed
from keyturn.flows.apply_undo import rollback
from keyturn.flows.change import Foreseen, signing_since, stopped_signing
from keyturn.flows.migrate import Evidence, NothingLeft, StillUsed, Wish, plan_migration
from keyturn.flows.rotate import TurnWish, plan_rotation
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.refusals import CannotMigrate
from keyturn.profiles.deployment import follow
from keyturn.profiles.request import CredentialKind as Kinds

NOBODY_LOOKED = Unknown("nobody looked")
QUIET = LogFacts(NOW, NOW, 1000, 0, credentials={"user ES256": 900, "publishable": 100})
CLEAN = DatabaseFacts()


def evidence(
    made: Containers, *, logs: object = NOBODY_LOOKED, database: object = NOBODY_LOOKED
) -> Evidence:
    """The journal, and what was looked at besides."""
    return Evidence(made.runs, logs, database)  # type: ignore[arg-type]


@pytest.fixture(params=ASYMMETRIC_ERAS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Containers:
    """A running deployment that knows HS256 only."""
    return Containers(healthy(tmp_path, request.param, asymmetric=False).folder)


def go(made: Containers, wish: Wish | None = None, **looked: object) -> None:
    """Plan the next phase and carry it out."""
    proposal = plan_migration(made.deployment(), wish or Wish(), evidence(made, **looked))
    asyncio.run(made.carry_out(proposal))


def test_three_phases_and_two_rotations_refuse_nobody_who_may_pass(made: Containers) -> None:
    old = canaries(made.files, NOW, os.urandom, include_service_role=True)
    go(made)
    made.now += timedelta(minutes=20)
    go(made)
    for service in VERIFIERS:
        for kind in (Kinds.USER_HS256, Kinds.ANON_LEGACY, Kinds.SERVICE_LEGACY):
            verdict = follow(made.running, old[kind], service, now=NOW)
            assert verdict.outcome in TAKEN, (service, kind)
    made.now += timedelta(hours=2)
    go(made, logs=QUIET, database=CLEAN)
    for service in VERIFIERS:
        verdict = follow(made.running, old[Kinds.SERVICE_LEGACY], service, now=NOW, direct=True)
        assert verdict.outcome not in TAKEN, service
    with pytest.raises(NothingLeft):
        plan_migration(made.deployment(), Wish(), evidence(made))
    for _ in range(2):
        made.now += timedelta(hours=3)
        proposal = plan_rotation(made.deployment(), TurnWish(), evidence(made))
        asyncio.run(made.carry_out(proposal))
    keys = read_keys(made.running)
    assert len(keys.previously_used) == 1, "the first key's last token has long expired"
    assert len(keys.standby) == 1


def test_phase_two_comes_after_the_wait_and_says_when(made: Containers) -> None:
    go(made)
    made.now += timedelta(minutes=19)
    with pytest.raises(WaitNotOver) as early:
        plan_migration(made.deployment(), Wish(), evidence(made))
    assert early.value.until_unix == int(NOW.timestamp()) + 1200
    made.now += timedelta(minutes=2)
    with pytest.raises(WaitNotOver):
        plan_migration(made.deployment(), Wish(extra_caches=300), evidence(made))
    go(made)
    assert read_keys(made.running).in_use is not None


def test_without_a_journal_the_plan_waits_itself(made: Containers) -> None:
    go(made)
    nobody = Evidence((), NOBODY_LOOKED, NOBODY_LOOKED)
    proposal = plan_migration(made.deployment(), Wish(), nobody)
    assert any("nobody knows since when" in one for one in proposal.warnings)
    before = made.now
    with pytest.raises(WaitNotOver):
        asyncio.run(made.carry_out(proposal, wait=False))
    assert read_keys(made.running).in_use is None
    assert made.now == before


@pytest.mark.parametrize(
    ("logs", "database", "said"),
    [
        (NOBODY_LOOKED, CLEAN, "No access log"),
        (QUIET, NOBODY_LOOKED, "database was not looked at"),
        (LogFacts(NOW, NOW, 9, 0, credentials={"anon legacy": 3}), CLEAN, "3 requests"),
        (
            QUIET,
            DatabaseFacts(dependants=(Dependant("cron", "nightly", "legacy service_role key"),)),
            "cron nightly carries a legacy service_role key",
        ),
    ],
)
def test_phase_three_is_refused_while_somebody_may_use_the_old_keys(
    tmp_path: Path, logs: object, database: object, said: str
) -> None:
    made = Containers(healthy(tmp_path, "2026-envoy", asymmetric=False).folder)
    go(made)
    made.now += timedelta(minutes=20)
    go(made)
    made.now += timedelta(hours=2)
    with pytest.raises(StillUsed, match=said):
        plan_migration(made.deployment(), Wish(), evidence(made, logs=logs, database=database))
    go(made, Wish(i_know="only my laptop uses it"), logs=logs, database=database)
    notes = [one.what for one in _standing(made)]
    assert any("only my laptop uses it" in one for one in notes), "the reason is kept"


def _standing(made: Containers) -> list[_Line]:
    from keyturn.flows.apply_status import status

    found = status(made.ports())
    assert found is not None
    return [_Line(what) for what, _ in found.commands]


class _Line:
    def __init__(self, what: str) -> None:
        self.what = what


def test_phase_three_waits_for_the_last_hs256_session(made: Containers) -> None:
    go(made)
    made.now += timedelta(minutes=20)
    go(made)
    made.now += timedelta(minutes=30)
    with pytest.raises(WaitNotOver, match="PostgREST forgives"):
        plan_migration(made.deployment(), Wish(phase=3), evidence(made, logs=QUIET, database=CLEAN))


def test_a_service_that_did_not_learn_stops_the_phase_and_its_step_is_taken_back(
    made: Containers,
) -> None:
    made.deaf.add("storage")
    before = checksums(made.folder)
    with pytest.raises(StepFailed, match="storage"):
        go(made)
    assert read_keys(made.files).in_use is None
    asyncio.run(rollback(made.ports()))
    assert checksums(made.folder) == before


def test_a_service_that_does_not_start_is_taken_back_at_once(made: Containers) -> None:
    made.failing.add("realtime")
    before = checksums(made.folder)
    with pytest.raises(StepFailed, match="realtime"):
        go(made)
    made.failing.clear()
    assert checksums(made.folder) == before


def test_every_phase_can_be_rolled_back_byte_for_byte(made: Containers) -> None:
    for number in (1, 2, 3):
        before, running = checksums(made.folder), made.running
        go(made, logs=QUIET, database=CLEAN)
        asyncio.run(rollback(made.ports()))
        assert checksums(made.folder) == before
        assert {name: values(one) for name, one in made.running.services.items()} == {
            name: values(one) for name, one in running.services.items()
        }, number
        go(made, logs=QUIET, database=CLEAN)
        made.now += timedelta(hours=2)


def values(service: object) -> dict[str, str | None]:
    """The environment of a container, as fingerprints."""
    return {name: one.fingerprint for name, one in service.settings.items()}  # type: ignore[attr-defined]


def checksums(folder: Path) -> dict[str, tuple[str, int]]:
    """Bytes and modes of every file but the journal's."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".keyturn" not in path.parts
    }


def test_functions_that_would_refuse_are_foreseen_and_nothing_is_begun(tmp_path: Path) -> None:
    made = Containers(healthy(tmp_path, "2025-kong").folder)
    before = checksums(made.folder)
    with pytest.raises(Foreseen, match="functions: Does it accept user ES256") as stopped:
        plan_migration(made.deployment(), Wish(), evidence(made))
    assert "volumes/functions/main/index.ts verifies with JWT_SECRET alone" in (
        stopped.value.hint or ""
    )
    assert any(one.remedy == stopped.value.hint for one in stopped.value.details)
    assert checksums(made.folder) == before
    assert made.runs == ()


def test_an_emergency_needs_no_wait_and_old_tokens_end(tmp_path: Path) -> None:
    made = Containers(healthy(tmp_path, "2026-envoy", asymmetric=True).folder)
    stolen = canaries(made.files, NOW, os.urandom)[Kinds.USER_ES256]
    kid = read_keys(made.files).in_use
    assert kid is not None
    proposal = plan_rotation(made.deployment(), TurnWish(revoke=kid.kid), evidence(made))
    assert any("refused at once" in one for one in proposal.warnings)
    asyncio.run(made.carry_out(proposal, wait=False))
    for service in VERIFIERS:
        assert follow(made.running, stolen, service, now=NOW).outcome not in TAKEN, service


def test_a_rotation_is_refused_before_its_standby_was_known_long_enough(made: Containers) -> None:
    go(made)
    made.now += timedelta(minutes=20)
    go(made)
    made.now += timedelta(minutes=5)
    proposal = plan_rotation(made.deployment(), TurnWish(), evidence(made))
    asyncio.run(made.carry_out(proposal))
    with pytest.raises(WaitNotOver):
        plan_rotation(made.deployment(), TurnWish(), evidence(made))


def test_publish_and_revoke_are_two_wishes(tmp_path: Path) -> None:
    made = Containers(healthy(tmp_path, "2026-envoy", asymmetric=True).folder)
    with pytest.raises(UsageError):
        plan_rotation(made.deployment(), TurnWish(publish=True, revoke="x"), evidence(made))
    with pytest.raises(CannotMigrate, match="no key 'x'"):
        plan_rotation(made.deployment(), TurnWish(revoke="x"), evidence(made))


def test_the_journal_knows_who_signed_when(made: Containers) -> None:
    go(made)
    made.now += timedelta(minutes=20)
    go(made)
    first = read_keys(made.files).in_use
    assert first is not None
    switched = int(made.now.timestamp())
    assert signing_since(made.runs, "ES256") == switched
    assert stopped_signing(made.runs, first.kid or "") is None
    made.now += timedelta(hours=1)
    asyncio.run(made.carry_out(plan_rotation(made.deployment(), TurnWish(), evidence(made))))
    assert stopped_signing(made.runs, first.kid or "") == int(made.now.timestamp())
    assert signing_since(made.runs, "ES256") == switched
