"""What comes after the first tokens: refreshing, taking back, bans, expiry, keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.oauth import (
    CALLBACK,
    ON,
    SECRET,
    SHARED,
    bearer,
    oauth_error,
    party,
    payload,
)

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"
GRANTS = "/user/oauth/grants"


@pytest.mark.parametrize("version", ["0", "2"])
async def test_refreshing(open_server: OpenAuth, version: str) -> None:
    variables = {**ON, "GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION": version}
    async with open_server(**variables) as auth:
        app = await party(auth)
        first = (await app.exchange(await app.code())).json()
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = await auth.http.post("/oauth/token", data={**form, **app.shown})
        assert second.status_code == 200, second.text
        assert payload(second.json()["access_token"])["client_id"] == app.client["client_id"]
        other = await auth.http.post("/oauth/clients/register", json={"redirect_uris": [CALLBACK]})
        theirs = {
            "client_id": other.json()["client_id"],
            "client_secret": other.json()["client_secret"],
        }
        latest = {"grant_type": "refresh_token", "refresh_token": second.json()["refresh_token"]}
        oauth_error(
            await auth.http.post("/oauth/token", data={**latest, **theirs}), "invalid_grant"
        )
        plain = await auth.http.post(
            "/token?grant_type=refresh_token", json={"refresh_token": latest["refresh_token"]}
        )
        oauth_error(plain, "invalid_client")
        own = {"grant_type": "refresh_token", "refresh_token": app.user["refresh_token"]}
        oauth_error(
            await auth.http.post("/oauth/token", data={**own, **app.shown}), "invalid_grant"
        )
        for token in (None, "abcdefghijkl", "short"):
            code = "invalid_grant" if token else "invalid_request"
            given = {"grant_type": "refresh_token", **app.shown}
            if token:
                given["refresh_token"] = token
            oauth_error(await auth.http.post("/oauth/token", data=given), code)
        kept = await auth.http.post("/oauth/token", data={**latest, **app.shown})
        assert kept.status_code == 200, "the attempts of others cost nothing"


async def test_clients_without_refresh(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth, grant_types=["authorization_code"])
        tokens = (await app.exchange(await app.code())).json()
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        answer = await auth.http.post("/oauth/token", data={**form, **app.shown})
        oauth_error(answer, "unauthorized_client")


async def test_taking_a_consent_back(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        tokens = (await app.exchange(await app.code())).json()
        pending = await app.code()
        mine = bearer(app.user)
        for status, code, query in (
            (400, "validation_failed", {}),
            (400, "validation_failed", {"client_id": "x"}),
            (404, "oauth_consent_not_found", {"client_id": UNKNOWN}),
        ):
            await auth.refused(status, code, "DELETE", GRANTS, params=query, headers=mine)
        given = {"client_id": app.client["client_id"]}
        gone = await auth.http.request("DELETE", GRANTS, params=given, headers=mine)
        assert gone.status_code == 204
        await auth.refused(
            403, "session_not_found", "GET", "/oauth/userinfo", headers=bearer(tokens)
        )
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        oauth_error(
            await auth.http.post("/oauth/token", data={**form, **app.shown}), "invalid_grant"
        )
        oauth_error(await app.exchange(pending), "invalid_grant")
        assert (await auth.http.get(GRANTS, headers=mine)).json() == []
        assert (await auth.http.get("/user", headers=mine)).status_code == 200


async def test_banned_users_and_deleted_clients(open_server: OpenAuth, service_role: Any) -> None:
    async with open_server(**SHARED) as auth:
        app = await party(auth)
        code = await app.code(scope="email")
        tokens = (await app.exchange(await app.code(scope="email"))).json()
        admin = service_role(SECRET)
        one = f"/admin/users/{app.user['user']['id']}"
        await auth.http.put(one, json={"ban_duration": "1h"}, headers=admin)
        assert oauth_error(await app.exchange(code), "access_denied") == "User is banned"
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            **app.shown,
        }
        oauth_error(await auth.http.post("/oauth/token", data=form), "access_denied")
        await auth.http.put(one, json={"ban_duration": "none"}, headers=admin)
        request = await app.requested(scope="phone")
        client = f"/admin/oauth/clients/{app.client['client_id']}"
        await auth.http.request("DELETE", client, headers=admin)
        assert (await app.look(request)).status_code == 404
        oauth_error(await app.exchange(code), "invalid_client")


async def test_requests_and_codes_expire(open_server: OpenAuth, database: Any) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        request, code = await app.requested(scope="phone"), await app.code(scope="email")
        pool = await database.pool(database.dsn, size=1)
        past = datetime.now(UTC) - timedelta(hours=1)
        await pool.execute(
            "update auth.oauth_authorizations set created_at = $1, expires_at = $2",
            past,
            past + timedelta(minutes=10),
        )
        assert (await app.look(request)).status_code == 404
        said = oauth_error(await app.exchange(code), "invalid_grant")
        assert said == "Authorization code has expired"


async def test_id_tokens_are_not_signed_with_a_shared_secret(open_server: OpenAuth) -> None:
    async with open_server(**SHARED) as auth:
        app = await party(auth)
        answer = await app.exchange(await app.code())
        assert answer.status_code == 500
        assert answer.json()["msg"] == "Error generating ID token"
        assert (await app.exchange(await app.code(scope="email"))).status_code == 200
        found = (await auth.http.get("/.well-known/openid-configuration")).json()
        assert "HS256" not in found["id_token_signing_alg_values_supported"]
