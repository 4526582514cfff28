"""Signing up, in and on: bodies, headers and refusals as GoTrue's clients expect them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from keyturn.jose.keys import generate, private_jwk
from keyturn.secret_access import reveal

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
PASSWORD = "/token?grant_type=password"
REFRESH = "/token?grant_type=refresh_token"
BY_ISSUER = {"id_token": "a.b.c", "client_id": "c", "issuer": "https://id.example.com"}
ADA = {"email": "ada@example.com", "password": "correct horse"}


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return decoded


async def test_signing_up_answers_with_a_session(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        response = await auth.http.post("/signup", json={**ADA, "data": {"name": "Ada"}})
        body = response.json()
    assert response.status_code == 200
    assert list(body) == [
        "access_token",
        "token_type",
        "expires_in",
        "expires_at",
        "refresh_token",
        "user",
    ]
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
    user = body["user"]
    assert (user["email"], user["role"], user["aud"]) == (
        "ada@example.com",
        "authenticated",
        "authenticated",
    )
    assert user["user_metadata"]["name"] == "Ada"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["sb-auth-user-id"] == user["id"]
    claims = claims_of(body["access_token"])
    assert response.headers["sb-auth-session-id"] == claims["session_id"]
    assert claims["iss"] == "http://auth.test/auth/v1"
    assert claims["exp"] == body["expires_at"]


async def test_a_password_and_a_refresh_token_are_exchanged(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        await auth.sign_up()
        granted = await auth.http.post(PASSWORD, json=ADA)
        token = granted.json()["refresh_token"]
        renewed = await auth.http.post(REFRESH, json={"refresh_token": token})
        again = await auth.http.post(REFRESH, json={"refresh_token": token})
    assert granted.status_code == renewed.status_code == 200
    assert granted.headers["sb-auth-refresh-token-prefix"] == token[:5]
    assert renewed.headers["sb-auth-refresh-token-rotated"] == "true"
    assert renewed.headers["sb-auth-refresh-token-reuse"] == "false"
    assert renewed.json()["refresh_token"] != token
    # The parent of the active token gets the active one back, unchanged (gotrue.md §3.3, 8).
    assert again.json()["refresh_token"] == renewed.json()["refresh_token"]
    assert again.headers["sb-auth-refresh-token-reuse"] == "true"


async def test_tokens_of_version_2_name_their_counter(open_server: OpenAuth) -> None:
    async with open_server(GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION="2") as auth:
        first = await auth.sign_up()
        renewed = await auth.http.post(REFRESH, json={"refresh_token": first["refresh_token"]})
    assert renewed.headers["sb-auth-refresh-token-counter"] == "1"
    assert "sb-auth-refresh-token-prefix" not in renewed.headers


async def test_a_weak_password_that_still_works_is_mentioned(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        await auth.sign_up(password="123456")
    async with open_server(GOTRUE_PASSWORD_MIN_LENGTH="12") as auth:
        granted = await auth.http.post(PASSWORD, json={**ADA, "password": "123456"})
    assert granted.status_code == 200
    assert granted.json()["weak_password"]["reasons"] == ["length"]


@pytest.mark.parametrize(
    ("status", "code", "path", "body"),
    [
        (400, "invalid_credentials", PASSWORD, {**ADA, "password": "wrong"}),
        (400, "invalid_credentials", PASSWORD, {"email": "nobody@example.com", "password": "x"}),
        (400, "validation_failed", PASSWORD, {}),
        (400, "invalid_credentials", "/token", {}),
        (400, "invalid_credentials", "/token?grant_type=implicit", {}),
        (400, "validation_failed", "/token?grant_type=pkce", {}),
        (400, "provider_disabled", "/token?grant_type=id_token", BY_ISSUER),
        (422, "web3_provider_disabled", "/token?grant_type=web3", {}),
        (400, "refresh_token_not_found", REFRESH, {"refresh_token": "abcdefghijkl"}),
        (400, "validation_failed", REFRESH, {"refresh_token": "short"}),
        (400, "validation_failed", REFRESH, {}),
        (422, "weak_password", "/signup", {"email": "b@example.com", "password": "123"}),
        (400, "validation_failed", "/signup", {"email": "not an address", "password": "123456"}),
        (400, "validation_failed", "/signup", {"email": "b@example.com"}),
        (422, "anonymous_provider_disabled", "/signup", {}),
        (422, "user_already_exists", "/signup", ADA),
    ],
)
async def test_refusals(
    open_server: OpenAuth, status: int, code: str, path: str, body: dict[str, str]
) -> None:
    async with open_server() as auth:
        await auth.sign_up()
        assert await auth.refused(status, code, "POST", path, json=body)


async def test_a_weak_password_says_why_in_both_shapes(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        for version in ({}, {"X-Supabase-Api-Version": "2024-01-01"}):
            response = await auth.http.post(
                "/signup", json={"email": "b@example.com", "password": "123"}, headers=version
            )
            assert response.json()["weak_password"] == {"reasons": ["length"]}


async def test_sign_up_can_be_closed(open_server: OpenAuth) -> None:
    async with open_server(GOTRUE_DISABLE_SIGNUP="true") as auth:
        sentence = await auth.refused(422, "signup_disabled", "POST", "/signup", json=ADA)
    assert sentence == "Signups not allowed for this instance"


async def test_what_a_trigger_of_the_operator_says_reaches_older_clients(
    open_server: OpenAuth, database: Any
) -> None:
    pool = await database.pool(database.dsn)
    await pool.execute(
        """
        create function public.only_ours() returns trigger language plpgsql as $$
        begin
          if new.email not like '%@example.com' then
            raise exception 'only our people' using errcode = 'PT409', hint = 'ask us';
          end if;
          return new;
        end $$;
        create trigger only_ours before insert on auth.users
          for each row execute function public.only_ours();
        """
    )
    body = {"email": "eve@example.org", "password": "123456"}
    async with open_server() as auth:
        older = await auth.http.post("/signup", json=body)
        newer = await auth.http.post(
            "/signup", json=body, headers={"X-Supabase-Api-Version": "2024-01-01"}
        )
        await auth.sign_up()
    assert older.status_code == newer.status_code == 409
    assert older.json() == {"code": "PT409", "message": "only our people", "hint": "ask us"}
    assert newer.json()["code"] == "unexpected_failure"
    assert "our people" not in newer.text


async def test_the_first_start_imports_the_keys_of_a_deployment(open_server: OpenAuth) -> None:
    signing = json.loads(reveal(private_jwk(generate("ES256", kid="their-key"))))
    signing["key_ops"] = ["sign", "verify"]
    secret = "their-secret-of-more-than-32-bytes"
    keys = json.dumps([signing])
    async with open_server(GOTRUE_JWT_KEYS=keys, GOTRUE_JWT_SECRET=secret) as auth:
        token = (await auth.sign_up())["access_token"]
        published = (await auth.http.get("/.well-known/jwks.json")).json()["keys"]
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"alg": "ES256", "kid": "their-key", "typ": "JWT"}
    assert published[0]["kid"] == "their-key"
    assert all("d" not in key for key in published)
    # A later start does not import again, whatever the environment says by then.
    async with open_server(GOTRUE_JWT_SECRET="another-secret-of-more-than-32-bytes") as auth:
        again = await auth.http.get("/.well-known/jwks.json")
        assert again.json()["keys"] == published
        assert (
            await auth.http.get("/user", headers={"Authorization": f"Bearer {token}"})
        ).is_success
