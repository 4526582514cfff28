"""Faults that rehearsals found, each as small as it can be."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.deployments import NOW, healthy

from keyturn.deploy.inventory import Kind
from keyturn.deploy.opened import text
from keyturn.migrate.deployment_keys import DeploymentKeys, verifier_document
from keyturn.migrate.fresh import fresh
from keyturn.profiles import storage
from keyturn.profiles.deployment import healthcheck
from keyturn.profiles.verdict import Outcome
from keyturn.secret import Secret
from keyturn.standins.storage import signed


def test_url_signed_with_storages_own_key_verifies_beside_the_shared_secret() -> None:
    # Storage takes the first oct key that has the token's kid or no kid at all.
    made = fresh(os.urandom, NOW)
    secret = "a shared secret of more than 32 characters"
    url_key = {"kty": "oct", "kid": "storage-url-1", "k": "A" * 43, "alg": "HS256"}
    keys = DeploymentKeys(None, (made.key,), legacy=Secret(secret))
    document = text(verifier_document(keys, url_key, urlSigningKey=url_key)) or ""
    before = storage.read_config({"AUTH_JWT_SECRET": secret, "JWT_JWKS": document})
    after = storage.read_config({"AUTH_JWT_SECRET": "x" * 40, "JWT_JWKS": document})

    token = signed.sign(before, "notes/mine", 600, NOW)

    for config in (before, after):
        later = NOW + timedelta(seconds=300)
        assert signed.check(config, token, "notes/mine", later).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "test",
    [
        '["CMD-SHELL", "curl -H \\"Authorization: Bearer ${ANON_KEY}\\" http://localhost:4000/x"]',
        '["CMD", "curl", "-H", "Authorization: Bearer ${ANON_KEY}", "http://localhost:4000/x"]',
    ],
)
def test_token_of_a_healthcheck_ends_where_its_argument_ends(tmp_path: Path, test: str) -> None:
    deployment = healthy(tmp_path, "2026-kong")
    found = deployment.inventory().of_kind(Kind.REALTIME)
    assert found is not None
    shown = text(found.healthcheck) or ""
    assert "Authorization" in shown
    old = next(
        line for line in deployment.text().splitlines() if "test:" in line and "Bearer" in line
    )
    deployment.replace("docker-compose.yml", old, f"      test: {test}")

    verdict = healthcheck(deployment.inventory(), NOW)

    assert verdict is not None
    assert verdict.outcome is Outcome.ACCEPTED, verdict
