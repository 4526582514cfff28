"""The verifiers of a running stack, asked with a token of each key, and what users proved."""

from __future__ import annotations

import httpx
import pytest
from tests.support.stack import Stack, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack"), pytest.mark.timeout(240)]
BASE = "/admin/api/v1/projects/self-hosted"


def test_every_verifier_accepts_the_keys_and_refuses_a_forgery(stack: Stack) -> None:
    """The standby too, though no token of a user was ever signed with it."""
    headers = {"apikey": stack.info["secret_key"]}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=30) as http:
        keys = http.get(f"{BASE}/config/auth/signing-keys").json()["keys"]
        signing = {key["id"] for key in keys if key["status"] in ("in_use", "standby")}
        told = http.post(f"{BASE}/verifiers/ask").json()
        assert http.get(f"{BASE}/status").json()["testimony"] == told
        log = http.get(f"{BASE}/audit-log?verb=mint_token&limit={len(signing)}").json()["lines"]

    for service in ("auth", "rest"):
        said = {one["kid"]: one["accepted"] for one in told["answers"] if one["service"] == service}
        assert said == {**dict.fromkeys(signing, True), None: False}, service
    assert {line["subject_id"] for line in log} == signing
    assert all("a canary for auth and rest" in line["reason"] for line in log)


def test_what_users_do_is_evidence(stack: Stack) -> None:
    """A user's request proves the key at the service that answered it."""
    token = stack.sign_up("evidence@example.com", "correct horse battery")["access_token"]
    with stack.client() as client:
        user = client.get("/auth/v1/user", headers={"authorization": f"Bearer {token}"})
        assert user.status_code == 200
    headers = {"apikey": stack.info["secret_key"]}
    (used,) = stack.keys_in_use()

    def proven() -> bool:
        found = httpx.get(f"{stack.url}{BASE}/status", headers=headers, timeout=30).json()
        auth = next(one for one in found["verifiers"] if one["name"] == "auth")
        return used in {proof["id"] for proof in auth["accepted"]}

    eventually(proven, within=60, what="the gateway's log to be read")
