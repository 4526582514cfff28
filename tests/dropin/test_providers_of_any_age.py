"""Signing in with a provider on databases of GoTrues that kept flows elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.authserver.external.test_oidc_provider import ADA, fragment, sign_in, user_of
from tests.support.gotrue_schema import (
    OCTOBER_2024,
    OCTOBER_2025,
    as_gotrue_left_it,
    shape_of_auth,
)
from tests.support.oauth import SECRET, VERIFIER, answered, bearer, s256
from tests.support.oidc import OidcProvider, oidc_provider

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
OLD = pytest.mark.parametrize("age", [OCTOBER_2024, OCTOBER_2025])
PKCE = {"code_challenge": s256(VERIFIER), "code_challenge_method": "s256"}


@pytest.fixture
def provider(unused_port: int) -> Iterator[OidcProvider]:
    with oidc_provider(unused_port) as running:
        yield running


@OLD
async def test_out_and_back(
    age: str, open_server: OpenAuth, database: Any, provider: OidcProvider
) -> None:
    admin = await as_gotrue_left_it(database, age)
    before = await shape_of_auth(admin)
    async with open_server(**provider.variables) as auth:
        out = await auth.http.get("/authorize", params={"provider": "google", "login_hint": ADA})
        back = provider.visit(out.headers["location"]).removeprefix("http://auth.test")
        told = fragment((await auth.http.get(back)).headers["location"])
        user = await user_of(auth, told)
        assert user["email"] == "ada@example.com"
        again = fragment((await auth.http.get(back)).headers["location"])
        assert again["error_code"] == "bad_oauth_state"
        target = await sign_in(auth, provider, ADA, **PKCE)
        body = {"auth_code": answered(target)["code"], "code_verifier": VERIFIER}
        wrong = {**body, "code_verifier": "x" * 43}
        path = "/token?grant_type=pkce"
        await auth.refused(400, "bad_code_verifier", "POST", path, json=wrong)
        answer = await auth.http.post(path, json=body)
        assert answer.json()["user"]["id"] == user["id"]
    assert await admin.fetchval("select count(*) from keyturn.flow_contexts") == 0
    assert await admin.fetchval("select count(*) from auth.flow_state") == 0
    assert await shape_of_auth(admin) == before


@OLD
async def test_linking_and_invitations(
    age: str,
    open_server: OpenAuth,
    database: Any,
    provider: OidcProvider,
    service_role: Bearer,
) -> None:
    await as_gotrue_left_it(database, age)
    given = {
        **provider.variables,
        "GOTRUE_JWT_SECRET": SECRET,
        "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED": "true",
    }
    async with open_server(**given) as auth:
        token = await auth.sign_up("carol@example.com")
        query = {"provider": "google", "login_hint": ADA}
        out = await auth.http.get("/user/identities/authorize", params=query, headers=bearer(token))
        back = provider.visit(out.headers["location"]).removeprefix("http://auth.test")
        user = await user_of(auth, fragment((await auth.http.get(back)).headers["location"]))
        assert user["id"] == token["user"]["id"]
        assert user["app_metadata"]["providers"] == ["email", "google"]
        wanted = {"type": "invite", "email": "bob@example.com"}
        headers = service_role(SECRET)
        made = await auth.http.post("/admin/generate_link", json=wanted, headers=headers)
        invited = {"invite_token": made.json()["hashed_token"]}
        target = await sign_in(auth, provider, "bob|bob@example.com|false", **invited)
        assert (await user_of(auth, fragment(target)))["id"] == made.json()["id"]


async def test_an_unknown_code_belongs_to_nobody(
    open_server: OpenAuth, database: Any, provider: OidcProvider
) -> None:
    """Old columns may not be null: what stands there without PKCE opens nothing."""
    admin = await as_gotrue_left_it(database, OCTOBER_2024)
    async with open_server(**provider.variables) as auth:
        await auth.http.get("/authorize", params={"provider": "google", "login_hint": ADA})
        code = await admin.fetchval("select auth_code from auth.flow_state")
        for verifier in (VERIFIER, "", "x"):
            body = {"auth_code": code, "code_verifier": verifier}
            answer = await auth.http.post("/token?grant_type=pkce", json=body)
            assert answer.status_code in {400, 404}


async def test_flows_that_were_begun_go_on_when_gotrue_brings_its_columns(
    open_server: OpenAuth, database: Any, provider: OidcProvider
) -> None:
    admin = await as_gotrue_left_it(database, OCTOBER_2025)
    async with open_server(**provider.variables) as auth:
        target = await sign_in(auth, provider, ADA)
        assert "access_token" in fragment(target)
        await admin.execute(
            "set local role supabase_auth_admin;"
            "create table auth.oauth_client_states (id uuid primary key, provider_type text not"
            " null, code_verifier text, created_at timestamptz not null);"
            "alter table auth.flow_state alter column auth_code drop not null,"
            " alter column code_challenge drop not null,"
            " alter column code_challenge_method drop not null,"
            " add column invite_token text, add column referrer text,"
            " add column oauth_client_state_id uuid, add column linking_target_id uuid,"
            " add column email_optional boolean not null default false"
        )
        for extra in ({}, PKCE):
            target = await sign_in(auth, provider, ADA, **extra)
            assert "access_token" in fragment(target) or "code" in answered(target)
        out = await auth.http.get("/authorize", params={"provider": "google", "login_hint": ADA})
        assert out.status_code == 302
    rows = await admin.fetch("select referrer from auth.flow_state where auth_code is null")
    assert [row["referrer"] for row in rows] == ["http://localhost:3000"]
