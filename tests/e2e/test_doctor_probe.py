"""Doctor's three looks at a running stack: its answers, its database, its gateway's log."""

from __future__ import annotations

import asyncio
import os

import pytest
from tests.support.inventories import inventory
from tests.support.stack import Stack, eventually

from keyturn.adapters import access_log, system
from keyturn.adapters.doctor_database import look
from keyturn.adapters.probe import probe
from keyturn.deploy.inventory import Kind
from keyturn.doctor.access_log_formats import parse
from keyturn.doctor.canaries import Canaries, canaries
from keyturn.doctor.facts import DatabaseFacts, LogFacts, ProbeFacts
from keyturn.profiles.request import CredentialKind as C
from keyturn.secret import Secret

pytestmark = pytest.mark.e2e
TAKEN = {C.PUBLISHABLE, C.USER_ES256}


def made_of(stack: Stack) -> Canaries:
    """The canaries of somebody who holds this stack's keys."""
    exported = stack.cli("keys", "export", "--format", "gotrue-jwt-keys", "--private")
    assert exported.returncode == 0, exported.stderr
    variables = {
        "JWT_KEYS": exported.stdout,
        "SUPABASE_PUBLISHABLE_KEY": stack.info["publishable_key"],
    }
    return canaries(inventory(variables=variables), system.now(), os.urandom)


@pytest.fixture(scope="module")
def facts(stack: Stack) -> ProbeFacts:
    found = asyncio.run(probe(stack.url, made_of(stack)))
    assert isinstance(found, ProbeFacts)
    return found


def test_auth_and_rest_take_what_is_genuine_only(facts: ProbeFacts) -> None:
    for service in (Kind.AUTH, Kind.REST):
        seen = {
            one.credential: one.accepted
            for one in facts.answers
            if one.service is service and not one.websocket
        }
        assert {kind for kind, accepted in seen.items() if accepted} == TAKEN
        assert set(seen.values()) == {True, False}
    assert facts.seconds < 5


def test_what_does_not_run_is_neither_taken_nor_refused(facts: ProbeFacts) -> None:
    for service in (Kind.REALTIME, Kind.STORAGE, Kind.FUNCTIONS):
        seen = {one.accepted for one in facts.answers if one.service is service}
        assert True not in seen


def test_the_published_keys_and_the_clock(facts: ProbeFacts, stack: Stack) -> None:
    assert facts.jwks_status == 200
    assert set(stack.keys_in_use()) <= set(facts.jwks_kids)
    assert "max-age=" in (facts.jwks_cache_control or "")
    assert (facts.jwks_leaks, facts.jwks_problem) == ((), None)
    assert facts.discovery["issuer"]
    assert abs(facts.clock_skew_seconds or 0) < 5


def test_the_gateways_own_log_tells_who_came(facts: ProbeFacts, stack: Stack) -> None:
    (log,) = stack.data_dir.rglob("access.log")

    def complete() -> bool:
        seen = access_log.read(str(log))
        return isinstance(seen, LogFacts) and "user ES256" in seen.credentials

    eventually(complete, within=15, what="Envoy has written its log")
    seen = access_log.read(str(log))
    assert isinstance(seen, LogFacts)
    broken = [one for one in log.read_text().splitlines() if parse(one) is None]
    assert broken == []
    assert [one.client.split()[0] for one in seen.jwks] == ["127.0.0.1"]
    assert seen.refused["/auth/v1"] > 0


def test_the_database_of_a_stack_holds_no_stray_credential(stack: Stack) -> None:
    seen = asyncio.run(look(Secret(stack.info["database_url"])))
    assert isinstance(seen, DatabaseFacts)
    assert (seen.settings, seen.dependants) == ((), ())
