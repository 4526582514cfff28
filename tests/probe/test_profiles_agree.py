"""What a probe reads from an answer is what the profiles predicted, in every era.

The services answer with the profiles' own statuses, codes and messages, so this is the reading of
every refusal that the profiles know.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.probe.deployment import serving
from tests.probe.predicted import LETS_IN, Predicted
from tests.support.deployments import ASYMMETRIC_ERAS, ERAS, NOW, Deployment, healthy

from keyturn.adapters.probe import probe
from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.doctor.canaries import canaries
from keyturn.doctor.facts import ProbeFacts
from keyturn.doctor.matrix import matrix
from keyturn.flows.ports.doctor import Limits
from keyturn.profiles.request import CredentialKind as C
from keyturn.profiles.verdict import Outcome

BREAKS: dict[str, Callable[[Deployment], object]] = {
    "healthy": lambda made: None,
    "storage without keys": lambda made: made.comment_setting("storage", "JWT_JWKS"),
    "realtime without keys": lambda made: made.comment_setting("realtime", "API_JWT_JWKS"),
    "functions without keys": lambda made: made.comment_setting("functions", "SUPABASE_JWKS"),
}


async def compare(made: Deployment) -> None:
    inventory = made.inventory()
    held = canaries(inventory, NOW, os.urandom, include_service_role=True)
    async with serving(Predicted(inventory, NOW).handle) as port:
        facts = await probe(f"http://127.0.0.1:{port}", held, Limits(include_service_role=True))
    assert isinstance(facts, ProbeFacts)
    for answer in facts.answers:
        credential = held[answer.credential]
        verdict = Predicted(inventory, NOW).verdict(
            answer.service, credential.apikey, credential.bearer, websocket=answer.websocket
        )
        told = (answer.service, answer.credential, answer.status, answer.message, verdict.why)
        if verdict.outcome is Outcome.ABSENT:
            assert (answer.accepted, answer.by_gateway) == (None, True), told
            continue
        assert answer.accepted == (verdict.outcome in LETS_IN), told
        if not answer.accepted and not answer.websocket:
            assert answer.status == verdict.status, told
            assert verdict.message is None or answer.message == verdict.message[:200], told
    table = matrix(inventory, held, NOW, missing=held.missing, probes=facts)
    assert [(one.service, one.credential) for one in table.differences] == []
    unseen = {key for key, one in table.cells.items() if one.accepted is None}
    assert unseen == set()


@pytest.mark.parametrize("era", ERAS)
async def test_a_healthy_deployment_of_each_era(tmp_path: Path, era: str) -> None:
    await compare(healthy(tmp_path, era))


@pytest.mark.parametrize("fault", BREAKS)
@pytest.mark.parametrize("era", ASYMMETRIC_ERAS)
async def test_a_broken_one(tmp_path: Path, era: str, fault: str) -> None:
    made = healthy(tmp_path, era)
    BREAKS[fault](made)
    await compare(made)


async def test_a_container_with_its_old_environment_differs_from_the_files(tmp_path: Path) -> None:
    """The files were mended and the container was restarted instead of recreated."""
    made = healthy(tmp_path, "2026-envoy")
    repaired = made.inventory()
    made.comment_setting("storage", "JWT_JWKS")
    running = made.inventory()
    held = canaries(repaired, NOW, os.urandom)
    async with serving(Predicted(running, NOW).handle) as port:
        facts = await probe(f"http://127.0.0.1:{port}", held)
    table = matrix(repaired, held, NOW, probes=facts)
    found = {(one.service, one.credential) for one in table.differences}
    assert (Kind.STORAGE, C.USER_ES256) in found
    assert {service for service, _ in found} == {Kind.STORAGE}
    assert set(table.services) == set(VERIFIERS)
