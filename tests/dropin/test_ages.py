"""On databases that GoTrues of several ages made: everybody goes on, nothing is added."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import argon2
import bcrypt
import pytest
from tests.account_store.test_hashing import firebase_hash
from tests.factors.test_encrypted_columns import RAW, sealed_as_gotrue
from tests.support.gotrue_schema import (
    AGES,
    NEWEST_KNOWN,
    OCTOBER_2024,
    OCTOBER_2025,
    as_gotrue_left_it,
    shape_of_auth,
)

from keyturn.accounts import totp
from keyturn.adapters.postgres.errors import AuthSchemaTooOld
from keyturn.adapters.postgres.pool import Pool

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
NIL = "00000000-0000-0000-0000-000000000000"
SECRET = "a shared secret of forty characters or so"
PASSWORD = "pässword 🔑"
HASHES = {
    "bcrypt": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode(),
    "argon2": argon2.PasswordHasher(1, 64, 1).hash(PASSWORD),
    "firebase": firebase_hash(PASSWORD, b"a signer key of some length", b"salty", b"\x07"),
}
COLUMN_KEY = "k:" + base64.urlsafe_b64encode(RAW).decode().rstrip("=")


async def gotrue_user(admin: Pool, email: str, stored: str, user_id: str | None = None) -> str:
    """Insert an account as GoTrue does, with its identity."""
    user_id = user_id or str(uuid.uuid4())
    await admin.execute(
        """
        insert into auth.users (
            instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
            confirmation_token, recovery_token, email_change_token_new, email_change,
            raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
        values ($1, $2, 'authenticated', 'authenticated', $3, $4, now(), '', '', '', '',
                '{"provider": "email", "providers": ["email"]}', '{"name": "Ada"}', now(), now())
        """,
        NIL,
        user_id,
        email,
        stored,
    )
    await admin.execute(
        """
        insert into auth.identities (
            id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at,
            updated_at)
        values (gen_random_uuid(), $1, $2, $3, 'email', now(), now(), now())
        """,
        user_id,
        user_id,
        json.dumps({"sub": user_id, "email": email, "email_verified": False}),
    )
    return user_id


async def gotrue_session(admin: Pool, user_id: str) -> str:
    """Insert a session as GoTrue does at sign-in; returns its id."""
    session = str(uuid.uuid4())
    await admin.execute(
        "insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)"
        " values ($1, $2, now(), now(), 'aal1', 'app/1', '203.0.113.7')",
        session,
        user_id,
    )
    await admin.execute(
        "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at,"
        " authentication_method) values (gen_random_uuid(), $1, now(), now(), 'password')",
        session,
    )
    return session


async def gotrue_token(admin: Pool, user_id: str, session: str, token: str) -> None:
    """Insert a version 1 refresh token."""
    await admin.execute(
        "insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at,"
        " updated_at, parent, session_id) values ($1, $2, $3, false, now(), now(), null, $4)",
        NIL,
        token,
        user_id,
        session,
    )


def version_2(session: str, counter: int, key: bytes) -> str:
    """gotrue.md §3.1, written down a second time."""
    body = b"\0" + uuid.UUID(session).bytes + bytes([counter])
    body += hmac.digest(key, body, "sha256")[:16]
    return base64.urlsafe_b64encode(body + hashlib.sha256(body).digest()[:4]).decode().rstrip("=")


async def refreshed(auth: Any, token: str) -> Any:
    return await auth.http.post("/token?grant_type=refresh_token", json={"refresh_token": token})


async def signed_in(auth: Any, email: str) -> Any:
    body = {"email": email, "password": PASSWORD}
    response = await auth.http.post("/token?grant_type=password", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def bearer(token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['access_token']}"}


@pytest.mark.parametrize("age", AGES)
async def test_everybody_goes_on_and_nothing_is_added(
    age: str, open_server: OpenAuth, database: Any, service_role: Callable[[str], dict[str, str]]
) -> None:
    admin = await as_gotrue_left_it(database, age)
    people = {kind: await gotrue_user(admin, f"{kind}@a.test", HASHES[kind]) for kind in HASHES}
    session = await gotrue_session(admin, people["bcrypt"])
    await gotrue_token(admin, people["bcrypt"], session, "abcdefghijkl")
    before = await shape_of_auth(admin)
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        again = (await refreshed(auth, "abcdefghijkl")).json()
        third = await refreshed(auth, again["refresh_token"])
        assert third.status_code == 200
        for kind in HASHES:
            token = await signed_in(auth, f"{kind}@a.test")
            assert token["user"]["id"] == people[kind]
            shown = await auth.http.get("/user", headers=bearer(token))
            assert shown.json()["user_metadata"] == {"name": "Ada"}
        wrong = {"email": "argon2@a.test", "password": "no"}
        await auth.refused(
            400, "invalid_credentials", "POST", "/token?grant_type=password", json=wrong
        )
        await second_factor(auth, await signed_in(auth, "argon2@a.test"))
        new = await auth.sign_up("new@a.test")
        change = {"data": {"colour": "red"}, "password": "another horse"}
        assert (await auth.http.put("/user", json=change, headers=bearer(new))).status_code == 200
        listed = await auth.http.get(
            f"/admin/users/{new['user']['id']}/sessions", headers=service_role(SECRET)
        )
        assert len(listed.json()["sessions"]) == 1
        assert (await auth.http.post("/logout", headers=bearer(new))).status_code == 204
    assert await shape_of_auth(admin) == before


async def second_factor(auth: Any, token: Any) -> None:
    """Enrol, challenge and verify TOTP: three tables whose columns came bit by bit."""
    body = {"factor_type": "totp", "friendly_name": "app"}
    made = (await auth.http.post("/factors", json=body, headers=bearer(token))).json()
    path = f"/factors/{made['id']}"
    challenge = (await auth.http.post(f"{path}/challenge", headers=bearer(token))).json()
    code = totp.code_at(made["totp"]["secret"], datetime.now(UTC))
    answer = {"challenge_id": challenge["id"], "code": code}
    lifted = await auth.http.post(f"{path}/verify", json=answer, headers=bearer(token))
    assert lifted.status_code == 200, lifted.text
    assert (await refreshed(auth, lifted.json()["refresh_token"])).status_code == 200


@pytest.mark.parametrize("age", [OCTOBER_2025, NEWEST_KNOWN])
async def test_version_2_tokens_go_on_in_the_clear_and_encrypted(
    age: str, open_server: OpenAuth, database: Any
) -> None:
    admin = await as_gotrue_left_it(database, age)
    user_id = await gotrue_user(admin, "ada@a.test", HASHES["bcrypt"])
    key = bytes(range(32, 64))
    text = base64.urlsafe_b64encode(key).decode().rstrip("=")
    clear, sealed = [await gotrue_session(admin, user_id) for _ in range(2)]
    for session, stored in ((clear, text), (sealed, sealed_as_gotrue(sealed, text))):
        await admin.execute(
            "update auth.sessions set refresh_token_hmac_key = $1, refresh_token_counter = 3"
            " where id = $2",
            stored,
            session,
        )
    variables = {"GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS": COLUMN_KEY}
    async with open_server(**variables) as auth:
        for session in (clear, sealed):
            answer = await refreshed(auth, version_2(session, 3, key))
            assert answer.status_code == 200, answer.text
            assert answer.json()["refresh_token"] == version_2(session, 4, key)
    rows = await admin.fetch("select refresh_token_counter as counter from auth.sessions")
    assert [row["counter"] for row in rows] == [4, 4]


async def test_encrypted_passwords_and_secrets_open_with_gotrues_keys(
    open_server: OpenAuth, database: Any
) -> None:
    admin = await as_gotrue_left_it(database)
    ids = {kind: str(uuid.uuid4()) for kind in HASHES}
    for kind, user_id in ids.items():
        stored = sealed_as_gotrue(user_id, HASHES[kind])
        await gotrue_user(admin, f"{kind}@a.test", stored[:255], user_id)
    variables = {
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT": "true",
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID": "k",
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY": COLUMN_KEY.removeprefix("k:"),
    }
    async with open_server(**variables) as auth:
        await signed_in(auth, "bcrypt@a.test")
        await second_factor(auth, await signed_in(auth, "argon2@a.test"))
    secret = json.loads(await admin.fetchval("select secret from auth.mfa_factors"))
    assert (secret["key_id"], secret["alg"]) == ("k", "aes-gcm-hkdf")


async def test_a_feature_that_the_schema_cannot_hold_stops_the_start(
    open_server: OpenAuth, database: Any, service_role: Callable[[str], dict[str, str]]
) -> None:
    await as_gotrue_left_it(database, OCTOBER_2024)
    for variables, named in (
        ({"GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION": "2"}, "sessions.refresh_token"),
        ({"GOTRUE_OAUTH_SERVER_ENABLED": "true"}, "oauth_clients"),
        ({"GOTRUE_PASSKEY_ENABLED": "true"}, "webauthn_credentials"),
    ):
        with pytest.raises(AuthSchemaTooOld, match=named):
            async with open_server(**variables):
                pass
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        headers = service_role(SECRET)
        await auth.refused(
            404, "feature_disabled", "GET", "/admin/custom-providers", headers=headers
        )


async def test_no_route_falls_over_for_want_of_a_column(
    open_server: OpenAuth, database: Any, service_role: Callable[[str], dict[str, str]]
) -> None:
    """Features that are off answer so, whatever the schema lacks; with every kind of caller."""
    admin = await as_gotrue_left_it(database, OCTOBER_2024)
    user_id = await gotrue_user(admin, "ada@a.test", HASHES["bcrypt"])
    body = {"challenge_id": NIL, "code": "1", "credential": {"id": "AAAA"}, "scope": "x"}
    query = {
        "code": "x",
        "state": NIL,
        "provider": "custom:x",
        "client_id": NIL,
        "redirect_uri": "x",
    }
    fallen = []
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        person = bearer(await signed_in(auth, "ada@a.test"))
        for endpoint in sorted(auth.app.routes.served):
            method, path = endpoint
            if path in ("/logout", "/user") or (method == "DELETE" and path.endswith("{user_id}")):
                continue
            target = re.sub(r"\{[^}]*\}", user_id, path)
            for caller in (person, service_role(SECRET)):
                answer = await auth.http.request(
                    method, target, headers=caller, json=body, params=query
                )
                if answer.status_code >= 500:
                    fallen.append((endpoint, answer.text))
    assert fallen == []


async def test_a_gotrue_that_comes_along_brings_the_features(
    open_server: OpenAuth, database: Any
) -> None:
    """The functions of the OAuth server wait for its tables and are made at the next start."""
    admin = await as_gotrue_left_it(database, OCTOBER_2025)
    on = {"GOTRUE_OAUTH_SERVER_ENABLED": "true"}
    async with open_server() as auth:
        old = await auth.sign_up()
    waiting = "select count(*) from keyturn.migrations where name = '0050_oauth_server'"
    assert await admin.fetchval(waiting) == 0
    await admin.execute("alter table auth.sessions add column scopes text")
    await admin.execute("alter table auth.oauth_clients add column token_endpoint_auth_method text")
    await admin.execute("alter table auth.oauth_authorizations add column nonce text")
    async with open_server(**on) as auth:
        assert await admin.fetchval(waiting) == 1
        assert (await refreshed(auth, old["refresh_token"])).status_code == 200
