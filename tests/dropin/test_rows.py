"""Leaving again: what Keyturn writes is what a GoTrue reads, and triggers fire as under GoTrue."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.authserver.external.test_oidc_provider import ADA, fragment, sign_in
from tests.authserver.test_one_time import variables
from tests.support.gotrue_schema import as_gotrue_left_it
from tests.support.messages import code_in, mail_server
from tests.support.oidc import OidcProvider

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
NIL = "00000000-0000-0000-0000-000000000000"
SECRET = "a shared secret of forty characters or so"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).decode().rstrip("=")

# Nullable columns that GoTrue reads into Go values without null: one null row fails the query.
NEVER_NULL = {
    "users": """instance_id aud role confirmation_token recovery_token email_change_token_new
        email_change_token_current email_change phone_change phone_change_token
        reauthentication_token email_change_confirm_status created_at updated_at""",
    "identities": "created_at updated_at",
    "sessions": "created_at updated_at",
    "refresh_tokens": "instance_id token user_id revoked created_at updated_at",
    "mfa_factors": "friendly_name secret",
    "mfa_challenges": "otp_code",
    "flow_state": "provider_access_token provider_refresh_token created_at updated_at",
    "audit_log_entries": "instance_id payload created_at",
    "oauth_clients": "client_secret_hash",
}


def bearer(token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['access_token']}"}


async def done(request: Any, status: int = 200) -> Any:
    response = await request
    assert response.status_code == status, response.text
    return response.json() if response.content else None


async def live_a_little(auth: Any, admin: dict[str, str]) -> None:
    """Everything that writes rows, once; several flows are left half-way."""
    http = auth.http
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "s256"}
    ada = {"email": "ada@a.test", "password": "correct horse"}
    await done(http.post("/signup", json={**ada, **pkce, "data": {"full_name": "Ada"}}))
    await done(http.post("/otp", json={"email": "new@a.test", **pkce}))
    made = {"email": "bob@a.test", "password": "correct horse", "email_confirm": True}
    bob = await done(http.post("/admin/users", json=made, headers=admin))
    phone = {"phone": "15551234567", "phone_confirm": True, "user_metadata": {"a": 1}}
    gone = await done(http.post("/admin/users", json=phone, headers=admin))
    await done(http.post("/recover", json={"email": "bob@a.test"}))
    token = await done(http.post("/token?grant_type=password", json=made))
    await done(http.put("/user", json={"email": "bob2@a.test"}, headers=bearer(token)))
    await done(http.get("/reauthenticate", headers=bearer(token)))
    factor = {"factor_type": "totp", "friendly_name": ""}
    enrolled = await done(http.post("/factors", json=factor, headers=bearer(token)))
    await done(http.post(f"/factors/{enrolled['id']}/challenge", headers=bearer(token)))
    anonymous = await done(http.post("/signup", json={"data": {}}))
    body = {"refresh_token": anonymous["refresh_token"]}
    await done(http.post("/token?grant_type=refresh_token", json=body))
    await done(http.post("/invite", json={"email": "eve@a.test"}, headers=admin))
    public = {
        "client_name": "App",
        "redirect_uris": ["https://app.test/cb"],
        "client_type": "public",
        "token_endpoint_auth_method": "none",
    }
    await done(http.post("/admin/oauth/clients", json=public, headers=admin), 201)
    path = f"/admin/users/{gone['id']}"
    soft = {"should_soft_delete": True}
    await done(http.request("DELETE", path, json=soft, headers=admin))
    assert bob["identities"]


async def test_nothing_is_null_that_gotrue_cannot_read(
    open_server: OpenAuth, database: Any, service_role: Bearer
) -> None:
    pool = await as_gotrue_left_it(database)
    more = {
        "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "true",
        "GOTRUE_OAUTH_SERVER_ENABLED": "true",
        "GOTRUE_JWT_SECRET": SECRET,
    }
    async with mail_server() as mails, open_server(**variables(mails.port, **more)) as auth:
        await live_a_little(auth, service_role(SECRET))
    for table, columns in NEVER_NULL.items():
        assert await pool.fetchval(f"select count(*) from auth.{table}"), f"no row in {table}"
        for column in columns.split():
            nulls = f"select count(*) from auth.{table} where {column} is null"
            assert await pool.fetchval(nulls) == 0, f"auth.{table}.{column} is null"
    for table in ("users", "refresh_tokens", "audit_log_entries"):
        ids = await pool.fetch(f"select distinct instance_id::text as id from auth.{table}")
        assert [row["id"] for row in ids] == [NIL]


async def test_formats_are_gotrues(
    open_server: OpenAuth, database: Any, service_role: Bearer
) -> None:
    pool = await as_gotrue_left_it(database)

    async def only_row(query: str) -> Any:
        return await pool.fetchrow(query)

    async with open_server(GOTRUE_JWT_SECRET=SECRET, KEYTURN_BCRYPT_COST="10") as auth:
        person = (await auth.sign_up("ada@a.test"))["user"]
    user = await only_row("select * from auth.users")
    assert re.fullmatch(r"\$2a\$10\$[./A-Za-z0-9]{53}", user["encrypted_password"])
    assert (user["aud"], user["role"]) == ("authenticated", "authenticated")
    assert person["app_metadata"] == {"provider": "email", "providers": ["email"]}
    identity = await only_row("select *, user_id::text as owner from auth.identities")
    assert identity["provider_id"] == identity["owner"] == person["id"]
    (shown,) = person["identities"]
    assert shown["identity_data"] == {
        "sub": person["id"],
        "email": "ada@a.test",
        "email_verified": False,
        "phone_verified": False,
    }
    token = await only_row("select * from auth.refresh_tokens")
    assert re.fullmatch(r"[a-z0-9]{12}", token["token"])
    assert (token["parent"], token["revoked"], token["user_id"]) == (None, False, person["id"])
    session = await only_row("select *, aal::text as level from auth.sessions")
    assert (session["level"], session["refreshed_at"], session["tag"]) == ("aal1", None, None)
    assert session["id"] == token["session_id"]
    methods = await pool.fetch("select authentication_method as name from auth.mfa_amr_claims")
    assert [row["name"] for row in methods] == ["password"]


WATCHED = """
    create table public.seen (n serial, what text);
    grant all on public.seen, public.seen_n_seq to supabase_auth_admin;
    create function public.saw() returns trigger language plpgsql as $$ begin
        insert into public.seen (what) values (
            tg_name || ' ' || lower(tg_op) || case
                when to_jsonb(new) -> 'email_confirmed_at' = 'null'
                then ' unconfirmed' else '' end);
        return new;
    end $$;
    create trigger a_before before insert on auth.users
        for each row execute function public.saw();
    create trigger z_created after insert on auth.users
        for each row execute function public.saw();
    create trigger b_created after insert on auth.users
        for each row execute function public.saw();
    create trigger signed_in after update of last_sign_in_at on auth.users
        for each row execute function public.saw();
    create trigger confirmed after update of email_confirmed_at on auth.users
        for each row execute function public.saw();
    create trigger known_as after insert on auth.identities
        for each row execute function public.saw();
"""
MADE = [
    "a_before insert unconfirmed",
    "b_created insert unconfirmed",
    "z_created insert unconfirmed",
    "known_as insert",
]
ENTERED = ["confirmed update", "signed_in update"]


async def seen(pool: Any) -> list[str]:
    """Return what the triggers saw since they were asked last."""
    rows = await pool.fetch(
        "with gone as (delete from public.seen returning *) select what from gone order by n"
    )
    return [row["what"] for row in rows]


async def test_triggers_fire_in_the_order_that_gotrue_gives_them(
    open_server: OpenAuth, database: Any, service_role: Bearer
) -> None:
    """The account, its identity, the confirmation, the sign-in; among triggers, by name."""
    pool = await as_gotrue_left_it(database)
    await pool.execute(WATCHED)
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        await auth.sign_up("ada@a.test")
        assert await seen(pool) == MADE + ENTERED
    async with mail_server() as mails:
        given = variables(mails.port, GOTRUE_JWT_SECRET=SECRET)
        async with open_server(**given) as auth:
            body = {"email": "bob@a.test", "password": "correct horse"}
            await done(auth.http.post("/signup", json=body))
            assert await seen(pool) == MADE
            shown = {"email": "bob@a.test", "token": code_in(await mails.wait(1)), "type": "signup"}
            await done(auth.http.post("/verify", json=shown))
            assert await seen(pool) == ENTERED
            admin = service_role(SECRET)
            await done(auth.http.post("/invite", json={"email": "eve@a.test"}, headers=admin))
            assert await seen(pool) == MADE
            body = {"email": "may@a.test", "password": "correct horse"}
            whole = {**body, "email_confirm": True}
            await done(auth.http.post("/admin/users", json=whole, headers=admin))
            assert await seen(pool) == [*MADE, "confirmed update"]
            await done(auth.http.post("/token?grant_type=password", json=body))
            assert await seen(pool) == ["signed_in update"]


async def test_triggers_fire_so_for_who_comes_from_a_provider(
    open_server: OpenAuth, database: Any, provider: OidcProvider
) -> None:
    pool = await as_gotrue_left_it(database)
    await pool.execute(WATCHED)
    async with open_server(**provider.variables) as auth:
        assert "access_token" in fragment(await sign_in(auth, provider, ADA))
        assert await seen(pool) == MADE + ENTERED
        assert "access_token" in fragment(await sign_in(auth, provider, ADA))
        assert await seen(pool) == ["signed_in update"]
