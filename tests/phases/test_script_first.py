"""Supabase's own script came first: ES256 signs, and Storage has no key of its own for URLs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.phases.walk import Walk, new
from tests.support.deployments import ASYMMETRIC_ERAS, Deployment, healthy

from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.migrate import phase_one, phase_three
from keyturn.migrate.capabilities import url_signing_key
from keyturn.migrate.refusals import CannotMigrate
from keyturn.profiles.request import CredentialKind as Kinds

OLD = (Kinds.USER_HS256, Kinds.ANON_LEGACY, Kinds.SERVICE_LEGACY)


@pytest.fixture(params=ASYMMETRIC_ERAS)
def scripted(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    """One EC key and the shared secret, as add-new-auth-keys.sh leaves them: no standby."""
    made = healthy(tmp_path, request.param, asymmetric=True)
    keys = made.keys
    spaced = json.dumps([keys.oct, keys.ec.jwk(private=True)], separators=(", ", ": "))
    made.set("JWT_KEYS", f"'{spaced}'")
    jwks = json.dumps({"keys": [keys.ec.jwk(private=False), keys.oct]}, separators=(", ", ": "))
    return made.set("JWT_JWKS", f"'{jwks}'")


def test_phase_three_is_refused_until_storage_has_a_key_for_its_urls(scripted: Deployment) -> None:
    walk = Walk(scripted)
    with pytest.raises(CannotMigrate, match="has no urlSigningKey") as refused:
        phase_three.steps(walk.inventory, new())
    assert "keyturn migrate DIR --phase 1" in (refused.value.hint or "")
    assert refused.value.place is not None
    assert refused.value.place.file == "docker-compose.yml"


def test_phase_one_mends_it_and_keeps_what_is_right(scripted: Deployment) -> None:
    walk = Walk(scripted)
    names = ("ANON_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY_ASYMMETRIC", "SUPABASE_SECRET_KEY")
    kept, before = {name: scripted.get(name) for name in names}, walk.credentials()
    signer = walk.kid_in_use()
    walk.go(phase_one.steps(walk.inventory, new()), also=before)
    assert walk.wrong == []
    assert url_signing_key(walk.inventory) is not None
    assert walk.kid_in_use() == signer
    assert {name: scripted.get(name) for name in names} == kept
    old = {kind: before[kind] for kind in OLD}
    walk.go(phase_three.steps(walk.inventory, new()), also=old)
    assert walk.wrong == []
    assert url_signing_key(walk.inventory) is not None


def test_phase_one_again_writes_nothing_in_another_notation(scripted: Deployment) -> None:
    walk = Walk(scripted)
    walk.go(phase_one.steps(walk.inventory, new()))
    for name in ("JWT_KEYS", "JWT_JWKS", "STORAGE_JWT_JWKS"):
        held = json.loads((scripted.get(name) or "").strip("'"))
        rows = held["keys"] if isinstance(held, dict) else held
        for row in rows:
            row.pop("ext", None)
        scripted.set(name, f"'{json.dumps(held, indent=None, sort_keys=True)}'")
    before = {path: path.read_bytes() for path in scripted.folder.rglob("*") if path.is_file()}
    walk.recreated.clear()
    walk.go(phase_one.steps(walk.inventory, new()))
    assert {path: path.read_bytes() for path in before} == before
    assert (walk.recreated, walk.wrong) == ([], [])


def test_a_set_that_lacks_a_key_is_written(scripted: Deployment) -> None:
    walk = Walk(scripted)
    walk.go(phase_one.steps(walk.inventory, new()))
    held = json.loads(scripted.get("JWT_JWKS") or "")
    del held["keys"][1]
    scripted.set("JWT_JWKS", f"'{json.dumps(held)}'")
    walk.go(phase_one.steps(walk.inventory, new()))
    rest = walk.inventory.of_kind(Kind.REST)
    assert rest is not None
    assert len(json.loads(text(rest.get("PGRST_JWT_SECRET")) or "")["keys"]) == 3
