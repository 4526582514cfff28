"""Rotation and emergency on the files of a deployment."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.phases.walk import Walk, new
from tests.support.deployments import ASYMMETRIC_ERAS, NOW, healthy

from keyturn.deploy.inventory import VERIFIERS
from keyturn.migrate import rotation
from keyturn.migrate.delivery import How, deliveries
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.refusals import CannotMigrate
from keyturn.migrate.waits import publish_wait, retire_wait
from keyturn.profiles.deployment import follow
from keyturn.profiles.request import CredentialKind as Kinds
from keyturn.profiles.verdict import Outcome


@pytest.fixture(params=ASYMMETRIC_ERAS)
def walk(request: pytest.FixtureRequest, tmp_path: Path) -> Walk:
    """A healthy deployment that signs ES256."""
    return Walk(healthy(tmp_path, request.param, asymmetric=True))


def test_three_rotations_log_nobody_out_and_recreate_each_service_once(walk: Walk) -> None:
    for _ in range(3):
        old, keys = walk.credentials(), read_keys(walk.inventory)
        assert keys.in_use is not None
        walk.recreated.clear()
        expired = tuple(key.kid or "" for key in keys.previously_used)
        walk.go(rotation.rotate(walk.inventory, new(), expired), also=old)
        after = read_keys(walk.inventory)
        assert after.in_use is not None
        assert after.in_use.kid == keys.standby[0].kid
        assert [key.kid for key in after.previously_used] == [keys.in_use.kid]
        assert len(after.standby) == 1
        assert (walk.wrong, walk.findings()) == ([], [])
        assert max(Counter(walk.recreated).values()) == 1


def test_the_private_half_of_a_former_key_is_gone(walk: Walk) -> None:
    former = walk.deployment.keys.ec
    walk.go(rotation.rotate(walk.inventory, new()))
    private = former.jwk(private=True)["d"]
    assert private not in walk.deployment.text(".env")


def test_an_emergency_ends_the_key_everywhere_and_the_gateway_goes_on(walk: Walk) -> None:
    stolen = walk.credentials()[Kinds.USER_ES256]
    kid = walk.deployment.keys.ec.kid
    walk.go(rotation.revoke(walk.inventory, new(), kid))
    assert walk.wrong == []
    assert kid not in read_keys(walk.inventory).kids
    for service in VERIFIERS:
        verdict = follow(walk.inventory, stolen, service, now=NOW)
        assert verdict.outcome is Outcome.REFUSED, service
    fresh = walk.credentials()
    for kind in (Kinds.PUBLISHABLE, Kinds.SECRET, Kinds.USER_ES256):
        verdict = follow(walk.inventory, fresh[kind], VERIFIERS[1], now=NOW)
        assert verdict.outcome is Outcome.ACCEPTED, kind


def test_auth_signs_with_another_key_before_anybody_drops_the_stolen_one(walk: Walk) -> None:
    steps = rotation.revoke(walk.inventory, new(), walk.deployment.keys.ec.kid)
    prepared = walk.go(steps)
    auth = next(one.name for one in walk.inventory.services.values() if one.kind == "auth")
    assert walk.recreated[0] == auth
    assert prepared.plan.steps[0].startswith("Auth signs with")


def test_without_a_standby_nothing_is_turned(walk: Walk) -> None:
    keys = walk.deployment.keys
    walk.deployment.set("JWT_KEYS", _only(keys.jwt_keys, keys.ec.kid))
    with pytest.raises(CannotMigrate, match="No standby"):
        rotation.rotate(walk.inventory, new())
    with pytest.raises(CannotMigrate, match="no standby that could sign"):
        rotation.revoke(walk.inventory, new(), keys.ec.kid)
    walk.go(rotation.publish_standby(walk.inventory, new()))
    assert walk.wrong == []
    assert len(read_keys(walk.inventory).standby) == 1


def _only(text: str, kid: str) -> str:
    import json

    rows = [row for row in json.loads(text) if row.get("kid", kid) == kid]
    return json.dumps(rows, separators=(",", ":"))


def test_an_unknown_key_is_not_revoked(walk: Walk) -> None:
    with pytest.raises(CannotMigrate, match="no key 'nobody'"):
        rotation.revoke(walk.inventory, new(), "nobody")


def test_hs256_is_migrated_and_not_rotated(tmp_path: Path) -> None:
    walk = Walk(healthy(tmp_path, "2026-envoy", asymmetric=False))
    with pytest.raises(CannotMigrate) as refused:
        rotation.rotate(walk.inventory, new())
    assert "keyturn migrate" in (refused.value.hint or "")


def test_waits_are_sums_that_say_what_they_are_made_of(walk: Walk) -> None:
    assert publish_wait().seconds == 1200
    assert publish_wait(300).seconds == 1500
    walk.deployment.set("JWT_EXPIRY", "7200")
    waiting = retire_wait(walk.inventory)
    assert waiting.seconds == 7200 + 30 + 900
    assert "7200" in waiting.why


def test_every_service_says_how_it_learns(walk: Walk) -> None:
    assert {one.how for one in deliveries(walk.inventory)} == {How.RECREATED}
