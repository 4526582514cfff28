"""Hooks in the flows, on a real database: functions in it, and a web server beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Protocol

import pytest
from tests.support.hook_server import KEY, hook_server
from tests.support.plane import (
    BROWSER,
    OPEN,
    HasDatabase,
    TestPlane,
    open_plane,
    registered,
    signed_in,
)

from keyturn.accounts.errors import AuthError, DatabaseRefused
from keyturn.accounts.hooks import FunctionHook, HookFailed, HookSettings, HookTarget, HttpHook
from keyturn.adapters.postgres.pool import Pool
from keyturn.flows import refresh
from keyturn.flows.hooks import mfa_attempt
from keyturn.jose import jwt
from keyturn.secret import Secret

ADDRESS = "ada@example.com"


class HasSuperuser(HasDatabase, Protocol):
    @property
    def dsn(self) -> Secret: ...


async def function(database: HasSuperuser, body: str, name: str = "hook") -> FunctionHook:
    """Make a hook function that keeps what it was asked in ``public.asked``."""
    pool = await database.pool(database.dsn, size=1)
    await pool.execute("create table if not exists public.asked (event jsonb)")
    await pool.execute("grant all on public.asked to supabase_auth_admin")
    await pool.execute(
        f"create function public.{name}(event jsonb) returns jsonb language plpgsql as $$ begin "
        f"insert into public.asked values (event); {body} end $$"
    )
    return FunctionHook("public", name)


async def plane_with(database: HasDatabase, **hooks: HookTarget) -> TestPlane:
    return await open_plane(database, replace(OPEN, hooks=HookSettings(**hooks)))


async def asked(database: HasSuperuser) -> list[Any]:
    pool: Pool = await database.pool(database.dsn, size=1)
    return [json.loads(row["event"]) for row in await pool.fetch("select event from public.asked")]


async def count(database: HasSuperuser, table: str) -> int:
    pool: Pool = await database.pool(database.dsn, size=1)
    found: int = await pool.fetchval(f"select count(*) from auth.{table}")
    return found


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.peek(token)[1])


async def test_a_function_replaces_the_claims(database: HasSuperuser) -> None:
    hook = await function(
        database,
        """return jsonb_build_object('claims',
               (event -> 'claims') - 'user_metadata' || '{"plan": "pro"}');""",
    )
    plane = await plane_with(database, custom_access_token=hook)
    granted = await registered(plane, ADDRESS)
    claims = claims_of(granted.access_token)
    assert claims["plan"] == "pro"
    assert "user_metadata" not in claims
    assert list(claims) == sorted(claims)
    again = await refresh.refresh(plane, granted.refresh_token, BROWSER)
    assert claims_of(again.access_token)["plan"] == "pro"
    first, second = await asked(database)
    assert list(first) == ["claims", "user_id", "metadata", "authentication_method"]
    assert first["authentication_method"] == "password"
    assert second["authentication_method"] == "token_refresh"
    assert first["user_id"] == granted.user.id == first["claims"]["sub"]
    assert first["metadata"]["name"] == "customize-access-token"
    assert first["metadata"]["ip_address"] == BROWSER.ip
    assert first["metadata"]["uuid"] != second["metadata"]["uuid"]
    assert first["metadata"]["time"] == "2026-11-23T12:00:00.123456Z"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("""return '{"error": {"http_code": 403, "message": "no"}}';""", 403, "no"),
        ("""return '{"error": {"message": "no"}}';""", 500, "no"),
        ("""return '{"error": {"http_code": 200, "message": "no"}}';""", 500, "no"),
        ("return '{}';", 500, "output claims field is missing"),
        ("return null;", 500, "output claims field is missing"),
        ("return '[]';", 500, "Error unmarshaling JSON output."),
        (
            """return '{"claims": {}}';""",
            500,
            "output claims do not conform to the expected schema: \n- (root): aud is required\n",
        ),
        ("perform pg_sleep(30); return null;", 422, "Failed to run hook within maximum time"),
    ],
)
async def test_a_function_that_fails_opens_no_session(
    database: HasSuperuser, body: str, status: int, message: str
) -> None:
    plain = await open_plane(database)
    await registered(plain, ADDRESS)
    before = await count(database, "sessions")
    plane = await plane_with(database, custom_access_token=await function(database, body))
    with pytest.raises(HookFailed) as raised:
        await signed_in(plane, ADDRESS)
    assert raised.value.status == status
    assert raised.value.message.startswith(message)
    assert await count(database, "sessions") == before


async def test_a_failing_hook_spends_no_refresh_token(database: HasSuperuser) -> None:
    plain = await open_plane(database)
    granted = await registered(plain, ADDRESS)
    hook = await function(database, "return null;")
    with pytest.raises(HookFailed):
        await refresh.refresh(
            await plane_with(database, custom_access_token=hook), granted.refresh_token, BROWSER
        )
    again = await refresh.refresh(plain, granted.refresh_token, BROWSER)
    assert again.user.id == granted.user.id


async def test_a_function_that_raises(database: HasSuperuser) -> None:
    body = "raise exception 'not today' using errcode = 'PT402', hint = 'pay'; return null;"
    plane = await plane_with(database, custom_access_token=await function(database, body))
    with pytest.raises(DatabaseRefused) as raised:
        await registered(plane, ADDRESS)
    assert (raised.value.sqlstate, raised.value.raised, raised.value.pg_hint) == (
        "PT402",
        "not today",
        "pay",
    )


async def test_a_missing_function(database: HasSuperuser) -> None:
    plane = await plane_with(database, custom_access_token=FunctionHook("public", "nowhere"))
    with pytest.raises(AuthError) as raised:
        await registered(plane, ADDRESS)
    assert (raised.value.status, raised.value.message) == (500, "Error running hook function")


async def test_password_attempts(database: HasSuperuser) -> None:
    await registered(await open_plane(database), ADDRESS)
    hook = await function(
        database,
        """return case when (event ->> 'valid')::boolean then '{"decision": "continue"}'
               else '{"decision": "reject", "message": "locked", "should_logout_user": true}'
               end::jsonb;""",
    )
    plane = await plane_with(database, password_verification_attempt=hook)
    granted = await signed_in(plane, ADDRESS)
    with pytest.raises(AuthError, match="locked") as raised:
        await signed_in(plane, ADDRESS, "wrong horse")
    assert (raised.value.status, raised.value.error_code) == (400, "invalid_credentials")
    assert await count(database, "sessions") == 0
    with pytest.raises(AuthError, match="Invalid login credentials"):
        await signed_in(plane, "nobody@example.com")
    first, second = await asked(database)
    assert (first["user_id"], first["valid"]) == (granted.user.id, True)
    assert (second["valid"], second["metadata"]["name"]) == (False, "password-verification")


async def test_a_right_password_can_be_rejected_without_words(database: HasSuperuser) -> None:
    await registered(await open_plane(database), ADDRESS)
    hook = await function(database, """return '{"decision": "reject"}';""")
    plane = await plane_with(database, password_verification_attempt=hook)
    with pytest.raises(AuthError, match="Further password verification attempts will be rejected"):
        await signed_in(plane, ADDRESS)
    assert await count(database, "sessions") == 1


async def test_unreadable_decisions(database: HasSuperuser) -> None:
    await registered(await open_plane(database), ADDRESS)
    hook = await function(database, """return '{"decision": 1}';""")
    plane = await plane_with(database, password_verification_attempt=hook)
    with pytest.raises(HookFailed, match="Error unmarshaling JSON output"):
        await signed_in(plane, ADDRESS)


async def test_mfa_attempts(database: HasSuperuser) -> None:
    granted = await registered(await open_plane(database), ADDRESS)
    hook = await function(database, """return '{"decision": "reject", "message": "enough"}';""")
    plane = await plane_with(database, mfa_verification_attempt=hook)
    with pytest.raises(AuthError, match="enough") as raised:
        await mfa_attempt(plane, granted.user.id, ("f", "totp"), BROWSER, valid=True)
    assert (raised.value.status, raised.value.error_code) == (403, "mfa_verification_rejected")
    assert await count(database, "sessions") == 0
    [event] = await asked(database)
    del event["metadata"]
    assert event == {
        "user_id": granted.user.id,
        "factor_id": "f",
        "factor_type": "totp",
        "valid": True,
    }


async def test_no_account_is_made_that_the_hook_refuses(database: HasSuperuser) -> None:
    async with hook_server() as server:
        hook = HttpHook(server.url, (Secret(KEY),))
        plane = await plane_with(database, before_user_created=hook, after_user_created=hook)
        server.says({"error": {"http_code": 400, "message": "only our own people"}})
        with pytest.raises(HookFailed, match="only our own people") as raised:
            await registered(plane, ADDRESS)
        assert (raised.value.status, raised.value.error_code) == (400, "unknown")
        assert await count(database, "users") == 0
        server.says({"error": {"http_code": 400, "message": ""}})
        granted = await registered(plane, ADDRESS)
    refused, before, after = (ask.document for ask in server.asked)
    assert all(ask.signed_by() for ask in server.asked)
    assert refused["user"]["email"] == before["user"]["email"] == ADDRESS
    assert before["metadata"]["name"] == "before-user-created"
    assert before["user"]["created_at"] == "0001-01-01T00:00:00Z"
    assert before["user"]["identities"] == []
    assert before["user"]["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert after["metadata"]["name"] == "after-user-created"
    assert after["user"]["id"] == granted.user.id == before["user"]["id"]
