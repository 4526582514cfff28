"""The article came first, to the letter: keys that Auth does not read, and no shared secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.phases.walk import Credentials, Walk, new
from tests.support.deployments import ASYMMETRIC_ERAS, Deployment, compact, healthy

from keyturn.migrate import phase_one, phase_three, phase_two
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.plan import Step
from keyturn.profiles.request import CredentialKind as Kinds

READ = "Auth is given its keys in a form that it reads"
AGAIN = "Auth accepts the shared secret again"


@pytest.fixture(params=ASYMMETRIC_ERAS)
def article(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """``JWT_KEYS`` with ``key_id`` and a PEM, and a ``JWT_JWKS`` without the shared secret."""
    made = healthy(tmp_path, request.param, asymmetric=False)
    key = made.keys.ec
    row = {"alg": "ES256", "key_id": key.kid, "private_key": key.pem}
    made.set("JWT_KEYS", f"'{json.dumps([row])}'")
    made.set("JWT_JWKS", compact({"keys": [key.jwk(private=False)]}))
    return made.uncomment_setting("auth", "GOTRUE_JWT_KEYS")


def public_only(tmp_path: Path, era: str = "2026-envoy") -> Deployment:
    """ES256 signs; the shared secret is in no set, and its API keys are still let in."""
    made = healthy(tmp_path, era, asymmetric=True)
    rows = [one for one in json.loads(made.keys.jwt_keys) if one["kty"] != "oct"]
    jwks = [one for one in json.loads(made.keys.jwt_jwks)["keys"] if one["kty"] != "oct"]
    return made.set("JWT_KEYS", compact(rows)).set("JWT_JWKS", compact({"keys": jwks}))


def titles(steps: tuple[Step, ...]) -> list[str]:
    """What is done, in order."""
    return [one.title for one in steps]


def of_the_secret(walk: Walk) -> Credentials:
    """What only the old secret can make: phase 3 must end it."""
    kinds = (Kinds.USER_HS256, Kinds.ANON_LEGACY, Kinds.SERVICE_LEGACY)
    return {kind: one for kind, one in walk.credentials().items() if kind in kinds}


def test_keys_that_auth_cannot_read_never_signed(article: Deployment) -> None:
    keys = read_keys(Walk(article).inventory)
    assert keys.in_use is None
    assert [one.kid for one in keys.standby] == [article.keys.ec.kid]
    assert keys.legacy is not None


def test_the_article_s_key_is_taken_all_the_way(article: Deployment) -> None:
    walk = Walk(article)
    steps = phase_one.steps(walk.inventory, new())
    assert titles(steps)[0] == READ
    walk.go(steps)
    assert walk.recreated[0] == "auth"
    sessions = walk.credentials()
    walk.go(phase_two.steps(walk.inventory), also=sessions)
    assert walk.kid_in_use() == article.keys.ec.kid
    assert walk.wrong == []
    walk.go(phase_three.steps(walk.inventory, new()), also=of_the_secret(walk))
    assert walk.wrong == []
    assert READ not in titles(phase_one.steps(walk.inventory, new()))


def test_the_shared_secret_is_trusted_again_while_its_api_keys_are_let_in(tmp_path: Path) -> None:
    walk = Walk(public_only(tmp_path))
    steps = phase_one.steps(walk.inventory, new())
    assert titles(steps)[0] == AGAIN
    walk.go(steps)
    assert walk.wrong == []
    assert walk.kid_in_use() == walk.deployment.keys.ec.kid
    walk.go(phase_three.steps(walk.inventory, new()), also=of_the_secret(walk))
    assert walk.wrong == []


@pytest.mark.parametrize("break_it", ["emptied", "of another secret", "no token"])
def test_it_is_not_where_nobody_lets_them_in(tmp_path: Path, break_it: str) -> None:
    """As after phase 3: trusting the secret again would undo it."""
    made = public_only(tmp_path)
    other = healthy(tmp_path / "other").keys.anon
    value = {"emptied": "", "of another secret": other, "no token": "a.b.c"}[break_it]
    made.set("ANON_KEY", value)
    walk = Walk(made)
    assert AGAIN not in titles(phase_one.steps(walk.inventory, new()))
