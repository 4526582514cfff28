"""The standby's own token is shown to every service before Auth signs with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from tests.phases.containers import Containers
from tests.support.deployments import compact, healthy

from keyturn.doctor.facts import Unknown
from keyturn.flows.apply_plan import StepFailed
from keyturn.flows.migrate import Evidence
from keyturn.flows.rotate import TurnWish, plan_rotation
from keyturn.migrate.commands import Probe, RecreateService
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.wording import in_words

NOBODY = Unknown("nobody looked")


def test_a_service_that_never_learnt_the_standby_stops_the_rotation(tmp_path: Path) -> None:
    """Its file names the key, its container does not: it was never created anew."""
    deployment = healthy(tmp_path, "2026-envoy", asymmetric=True)
    keys, held = deployment.keys, deployment.get("JWT_JWKS") or ""
    deployment.set("JWT_JWKS", compact({"keys": [keys.ec.jwk(private=False), keys.oct]}))
    made = Containers(tmp_path)
    deployment.set("JWT_JWKS", held)
    for name in ("auth", "rest", "realtime", "functions"):
        made.created[name] = made.files.services[name]
    proposal = plan_rotation(made.deployment(), TurnWish(), Evidence((), NOBODY, NOBODY))
    made.now += timedelta(minutes=20)
    with pytest.raises(StepFailed, match="storage refused the credential") as stopped:
        asyncio.run(made.carry_out(proposal))
    assert "user ES256" in str(stopped.value)
    assert made.recreated == []
    in_use = read_keys(made.running).in_use
    assert in_use is not None
    assert in_use.kid == keys.ec.kid


def test_the_plan_shows_the_standby_before_auth_is_told(tmp_path: Path) -> None:
    deployment = healthy(tmp_path, "2026-envoy", asymmetric=True)
    made = Containers(tmp_path)
    proposal = plan_rotation(made.deployment(), TurnWish(), Evidence((), NOBODY, NOBODY))
    commands = proposal.prepared.plan.commands
    auth = next(
        number
        for number, one in enumerate(commands)
        if isinstance(one, RecreateService) and one.service == "auth"
    )
    shown = [
        number
        for number, one in enumerate(commands)
        if isinstance(one, Probe) and one.arguments.get("by") == deployment.keys.standby.kid
    ]
    assert shown[-1] < auth
    assert sum(1 for one in commands[shown[-1] : auth] if isinstance(one, RecreateService)) == 0
    assert f"signed by {deployment.keys.standby.kid}" in in_words(commands[shown[0]])
    asyncio.run(made.carry_out(proposal))
    in_use = read_keys(made.running).in_use
    assert in_use is not None
    assert in_use.kid == deployment.keys.standby.kid
