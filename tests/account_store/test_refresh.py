"""Refreshing on a real database: every rule of gotrue.md §3.3, for both token versions."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.support.plane import (
    BROWSER,
    OPEN,
    HasDatabase,
    TestPlane,
    open_plane,
    registered,
    signed_in,
)

from keyturn.accounts.errors import AuthError, OAuthRefusal
from keyturn.accounts.refresh_tokens import signed_text
from keyturn.accounts.settings import AuthSettings
from keyturn.flows import refresh
from keyturn.flows.plane import Granted
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.jose import jwt

V1 = OPEN
V2 = replace(OPEN, refresh_algorithm_version=2)
VERSIONS = [pytest.param(V1, id="v1"), pytest.param(V2, id="v2")]
both = pytest.mark.parametrize("settings", VERSIONS)


async def again(plane: TestPlane, token: str) -> Granted:
    return await refresh.refresh(plane, token, BROWSER)


async def refused(plane: TestPlane, token: str) -> AuthError:
    with pytest.raises(AuthError) as raised:
        await refresh.refresh(plane, token, BROWSER)
    return raised.value


async def active_tokens(plane: TestPlane) -> list[str]:
    rows = await plane.pool.fetch("select token from auth.refresh_tokens where not revoked")
    return [row["token"] for row in rows]


async def sessions(plane: TestPlane) -> int:
    return int(await plane.pool.fetchval("select count(*) from auth.sessions"))


@both
async def test_a_refresh_is_one_round_trip_and_keeps_the_session(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, settings)
    first = await registered(plane)
    plane.clock.forward(minutes=5)
    plane.pool.trips = 0
    second = await again(plane, first.refresh_token)
    assert plane.pool.trips == 1
    assert second.refresh_token != first.refresh_token
    assert second.session_id == first.session_id
    assert second.refresh.rotated
    assert not second.refresh.reused
    before, after = (jwt.peek(each.access_token).claims for each in (first, second))
    assert (before["iat"], after["iat"]) == (1795435200, 1795435500)
    assert after["amr"] == before["amr"]
    row = await plane.pool.fetchrow(
        "select refreshed_at, host(ip) as ip, user_agent from auth.sessions"
    )
    assert row["refreshed_at"] == plane.clock.now.replace(tzinfo=None)
    assert (row["ip"], row["user_agent"]) == (BROWSER.ip, BROWSER.user_agent)


async def test_v1_rows_are_a_chain_that_gotrue_understands(database: HasDatabase) -> None:
    plane = await open_plane(database)
    tokens = [(await registered(plane)).refresh_token]
    for _ in range(3):
        tokens.append((await again(plane, tokens[-1])).refresh_token)
    rows = await plane.pool.fetch(
        "select token, parent, revoked, user_id, session_id, instance_id "
        "from auth.refresh_tokens order by id"
    )
    assert [row["token"] for row in rows] == tokens
    assert [row["parent"] for row in rows] == [None, *tokens[:-1]]
    assert [row["revoked"] for row in rows] == [True, True, True, False]
    assert {row["instance_id"] for row in rows} == {UUID(int=0)}
    assert all(UUID(row["user_id"]) for row in rows)


async def test_v2_keeps_no_rows_and_counts(database: HasDatabase) -> None:
    plane = await open_plane(database, V2)
    granted = await registered(plane)
    assert granted.refresh.counter == 0
    for expected in (1, 2, 3):
        granted = await again(plane, granted.refresh_token)
        assert (granted.refresh.counter, granted.refresh.prefix) == (expected, None)
    assert await plane.pool.fetchval("select count(*) from auth.refresh_tokens") == 0
    assert await plane.pool.fetchval("select refresh_token_counter from auth.sessions") == 3


@both
async def test_the_previous_token_is_answered_with_the_current_one_at_any_time(
    database: HasDatabase, settings: AuthSettings
) -> None:
    """The answer to a refresh may get lost: the client that asks again is not punished."""
    plane = await open_plane(database, settings)
    first = await registered(plane)
    second = await again(plane, first.refresh_token)
    plane.clock.forward(days=30)
    repeated = await again(plane, first.refresh_token)
    assert repeated.refresh_token == second.refresh_token
    assert repeated.refresh.reused
    assert repeated.refresh.cause == "fail-to-save"
    assert not repeated.refresh.rotated
    assert (await again(plane, second.refresh_token)).refresh.rotated


async def test_reuse_of_an_old_v1_token_ends_the_family(database: HasDatabase) -> None:
    plane = await open_plane(database)
    first = await registered(plane)
    second = await again(plane, first.refresh_token)
    third = await again(plane, second.refresh_token)
    plane.clock.forward(seconds=1)
    error = await refused(plane, first.refresh_token)
    assert (error.status, error.error_code) == (400, "refresh_token_already_used")
    assert error.message == "Invalid Refresh Token: Already Used"
    assert await active_tokens(plane) == []
    assert await sessions(plane) == 1
    assert (await refused(plane, third.refresh_token)).error_code == "refresh_token_already_used"


async def test_reuse_of_an_old_v2_token_deletes_the_session(database: HasDatabase) -> None:
    plane = await open_plane(database, V2)
    first = await registered(plane)
    second = await again(plane, first.refresh_token)
    third = await again(plane, second.refresh_token)
    plane.clock.forward(seconds=1)
    assert (await refused(plane, first.refresh_token)).row.name == "refresh_used"
    assert await sessions(plane) == 0
    assert (await refused(plane, third.refresh_token)).row.name == "refresh_not_found"


@both
async def test_without_rotation_reuse_is_refused_but_not_punished(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, replace(settings, refresh_rotation=False))
    first = await registered(plane)
    second = await again(plane, first.refresh_token)
    third = await again(plane, second.refresh_token)
    plane.clock.forward(seconds=1)
    assert (await refused(plane, first.refresh_token)).row.name == "refresh_used"
    assert (await again(plane, third.refresh_token)).refresh.rotated


@both
async def test_the_reuse_interval_forgives_until_it_is_over(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, replace(settings, refresh_reuse_interval=10))
    first = await registered(plane)
    second = await again(plane, first.refresh_token)
    third = await again(plane, second.refresh_token)
    plane.clock.forward(seconds=9)
    forgiven = await again(plane, first.refresh_token)
    assert forgiven.refresh.cause == "concurrent-refresh"
    assert (await again(plane, third.refresh_token)).user.id == first.user.id
    plane.clock.forward(seconds=11)
    assert (await refused(plane, first.refresh_token)).row.name == "refresh_used"


async def test_allow_reuse_is_for_v2_only(database: HasDatabase) -> None:
    for settings, verdict in ((V2, None), (V1, "refresh_used")):
        plane = await open_plane(database, replace(settings, refresh_allow_reuse=True))
        tokens = [(await registered(plane)).refresh_token]
        for _ in range(2):
            tokens.append((await again(plane, tokens[-1])).refresh_token)
        plane.clock.forward(hours=1)
        if verdict:
            assert (await refused(plane, tokens[0])).row.name == verdict
        else:
            allowed = await again(plane, tokens[0])
            assert allowed.refresh.cause == "always-allow"
            assert allowed.refresh_token == tokens[-1]


async def test_unknown_and_forged_tokens_look_alike(database: HasDatabase) -> None:
    plane = await open_plane(database, V2)
    granted = await registered(plane)
    from_other_key = signed_text(granted.session_id, 0, "A" * 43)
    for token in ("abcdefghijkl", from_other_key, signed_text(str(UUID(int=7)), 0, "B" * 43)):
        error = await refused(plane, token)
        assert error.message == "Invalid Refresh Token: Refresh Token Not Found"
        assert (error.status, error.error_code) == (400, "refresh_token_not_found")
    assert (await again(plane, granted.refresh_token)).refresh.counter == 1


async def test_a_counter_from_the_future_was_not_issued_here(database: HasDatabase) -> None:
    """A database restored from a backup meets a newer token."""
    plane = await open_plane(database, V2)
    granted = await registered(plane)
    for _ in range(3):
        granted = await again(plane, granted.refresh_token)
    await plane.pool.execute("update auth.sessions set refresh_token_counter = 1")
    error = await refused(plane, granted.refresh_token)
    assert error.message == "Invalid Refresh Token: Not Issued By This Server"
    assert error.error_code == "validation_failed"


async def test_a_v1_token_of_a_v2_session_without_key_is_refused(database: HasDatabase) -> None:
    plane = await open_plane(database, V2)
    granted = await registered(plane)
    for broken in (None, '{"key_id":"x","alg":"aes-gcm-hkdf","data":"","nonce":""}', ""):
        await plane.pool.fetchval(
            "update auth.sessions set refresh_token_hmac_key = $1 returning id", broken
        )
        assert (await refused(plane, granted.refresh_token)).row.name == "refresh_not_found"


@both
async def test_a_token_of_a_banned_user_is_refused(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, settings)
    granted = await registered(plane)
    await plane.pool.fetchval(
        "update auth.users set banned_until = $1 returning id", plane.clock.now + timedelta(hours=1)
    )
    error = await refused(plane, granted.refresh_token)
    assert (error.error_code, error.message) == (
        "user_banned",
        "Invalid Refresh Token: User Banned",
    )
    plane.clock.forward(hours=2)
    assert (await again(plane, granted.refresh_token)).refresh.rotated


async def test_a_v1_token_without_session_is_destroyed(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    await plane.pool.execute("update auth.refresh_tokens set session_id = null")
    error = await refused(plane, granted.refresh_token)
    assert error.message == "Invalid Refresh Token: No Valid Session Found"
    assert error.error_code == "session_not_found"
    assert (await refused(plane, granted.refresh_token)).row.name == "refresh_not_found"


@both
@pytest.mark.parametrize(
    ("limits", "refreshed_after", "then_after", "row"),
    [
        ({"sessions_timebox": timedelta(hours=8)}, 4, 5, "refresh_expired"),
        ({"sessions_inactivity": timedelta(hours=8)}, 7, 9, "refresh_inactive"),
        (
            {"sessions_timebox": timedelta(hours=8), "sessions_inactivity": timedelta(hours=1)},
            0.5,
            9,
            "refresh_expired",
        ),
    ],
)
async def test_sessions_end_by_timebox_and_inactivity(
    database: HasDatabase,
    settings: AuthSettings,
    limits: dict[str, Any],
    refreshed_after: float,
    then_after: float,
    row: str,
) -> None:
    plane = await open_plane(database, replace(settings, **limits))
    granted = await registered(plane)
    plane.clock.forward(hours=refreshed_after)
    granted = await again(plane, granted.refresh_token)
    plane.clock.forward(hours=then_after)
    error = await refused(plane, granted.refresh_token)
    assert (error.row.name, error.error_code) == (row, "session_expired")


@both
async def test_a_session_with_an_end_ends(database: HasDatabase, settings: AuthSettings) -> None:
    plane = await open_plane(database, settings)
    granted = await registered(plane)
    await plane.pool.fetchval(
        "update auth.sessions set not_after = $1 returning id", plane.clock.now
    )
    granted = await again(plane, granted.refresh_token)
    plane.clock.forward(seconds=1)
    assert (await refused(plane, granted.refresh_token)).row.name == "refresh_expired"


@both
async def test_a_second_factor_not_used_in_time_ends_the_session(
    database: HasDatabase, settings: AuthSettings
) -> None:
    limited = replace(settings, sessions_low_aal=timedelta(minutes=15))
    plane = await open_plane(database, limited)
    without, low, high = [await registered(plane) for _ in range(3)]
    for granted in (low, high):
        await plane.pool.fetchval(
            "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, "
            "updated_at) values (gen_random_uuid(), $1, 'totp', 'verified', $2, $2) returning id",
            granted.user.id,
            plane.clock.now,
        )
    await plane.pool.fetchval(
        "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, "
        "authentication_method) values (gen_random_uuid(), $1, $2, $2, 'totp') returning id",
        high.session_id,
        plane.clock.now,
    )
    low_token = await again(plane, low.refresh_token)
    claims = jwt.peek(low_token.access_token).claims
    assert claims["exp"] == int((plane.clock.now + timedelta(minutes=15)).timestamp())
    assert low_token.expires_in == 900
    plane.clock.forward(minutes=16)
    assert (await refused(plane, low_token.refresh_token)).row.name == "refresh_low_aal"
    strong = await again(plane, high.refresh_token)
    assert jwt.peek(strong.access_token).claims["aal"] == "aal2"
    assert strong.expires_in == 3600
    assert (await again(plane, without.refresh_token)).expires_in == 3600


@both
async def test_single_session_per_user_lets_only_the_newest_refresh(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, replace(settings, sessions_single_per_user=True))
    old = await registered(plane, "one@example.com")
    plane.clock.forward(minutes=1)
    new = await signed_in(plane, "one@example.com")
    error = await refused(plane, old.refresh_token)
    assert error.row.name == "refresh_newer_login"
    assert (await again(plane, new.refresh_token)).refresh.rotated


async def test_single_session_counts_per_tag(database: HasDatabase) -> None:
    settings = replace(OPEN, sessions_single_per_user=True, sessions_tags=("web", "app"))
    plane = await open_plane(database, settings)
    web = await registered(plane, "two@example.com")
    plane.clock.forward(minutes=1)
    app = await signed_in(plane, "two@example.com")
    await plane.pool.fetchval(
        "update auth.sessions set tag = 'app' where id = $1 returning id", app.session_id
    )
    assert (await again(plane, web.refresh_token)).refresh.rotated
    assert (await again(plane, app.refresh_token)).refresh.rotated
    await plane.pool.execute("update auth.sessions set tag = 'unlisted'")
    plane.clock.forward(minutes=1)
    assert (
        await plane.pool.fetchval(
            "select count(distinct keyturn.tag_of(tag, array['web','app'])) from auth.sessions"
        )
        == 1
    )


@both
async def test_a_session_of_an_oauth_client_is_not_refreshed_here(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, settings)
    granted = await registered(plane)
    await plane.pool.execute(
        "insert into auth.oauth_clients (id, registration_type, redirect_uris, grant_types, "
        "token_endpoint_auth_method) values ('00000000-0000-0000-0000-000000000009', 'manual', "
        "'https://x', 'refresh_token', 'none')"
    )
    await plane.pool.execute(
        "update auth.sessions set oauth_client_id = '00000000-0000-0000-0000-000000000009'"
    )
    with pytest.raises(OAuthRefusal) as raised:
        await again(plane, granted.refresh_token)
    assert raised.value.error == "invalid_client"


@both
async def test_twenty_clients_with_one_token_stay_signed_in(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, settings, size=8)
    granted = await registered(plane)
    answers = await asyncio.gather(*(again(plane, granted.refresh_token) for _ in range(20)))
    tokens = {answer.refresh_token for answer in answers}
    assert len(tokens) == 1
    assert sum(answer.refresh.rotated for answer in answers) == 1
    if settings == V1:
        assert await active_tokens(plane) == list(tokens)
    assert (await again(plane, tokens.pop())).refresh.rotated


@both
async def test_a_session_that_stays_locked_is_a_conflict(
    database: HasDatabase, settings: AuthSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = await open_plane(database, settings)
    granted = await registered(plane)
    monkeypatch.setattr(refresh, "_PATIENCE_SECONDS", 0.2)
    other = await database.pool(size=1)
    async with other.transaction() as held:
        await held.fetch("select 1 from auth.sessions for update")
        error = await refused(plane, granted.refresh_token)
    assert (error.status, error.error_code) == (409, "conflict")
    assert (await again(plane, granted.refresh_token)).refresh.rotated


@both
async def test_waiting_for_a_lock_ends_when_the_lock_does(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, settings)
    granted = await registered(plane)
    other = await database.pool(size=1)
    async with other.transaction() as held:
        await held.fetch("select 1 from auth.sessions for update")
        waiting = asyncio.create_task(again(plane, granted.refresh_token))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert (await waiting).refresh.rotated


async def test_v1_sessions_are_upgraded_when_v2_is_configured(database: HasDatabase) -> None:
    plane = await open_plane(database)
    first = await registered(plane)
    plane.settings = replace(V2, refresh_upgrade_percentage=100)
    second = await again(plane, first.refresh_token)
    assert second.refresh.counter == 0
    assert await active_tokens(plane) == []
    assert await plane.pool.fetchval("select count(*) from auth.refresh_tokens") == 2
    repeated = await again(plane, first.refresh_token)
    assert repeated.refresh_token == second.refresh_token
    third = await again(plane, second.refresh_token)
    assert third.refresh.counter == 1
    plane.settings = V1  # there is no way back: v2 tokens stay v2
    assert (await again(plane, third.refresh_token)).refresh.counter == 2
    plane.clock.forward(seconds=1)
    assert (await refused(plane, first.refresh_token)).row.name == "refresh_used"
    assert await sessions(plane) == 0


async def test_twenty_clients_survive_the_upgrade_together(database: HasDatabase) -> None:
    plane = await open_plane(database, size=8)
    granted = await registered(plane)
    plane.settings = replace(V2, refresh_upgrade_percentage=100)
    answers = await asyncio.gather(*(again(plane, granted.refresh_token) for _ in range(20)))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert {answer.refresh.counter for answer in answers} == {0}


async def test_an_upgrade_of_some_percent_sticks_to_sessions(database: HasDatabase) -> None:
    plane = await open_plane(database)
    grants = [await registered(plane) for _ in range(12)]
    expected = {
        each.session_id: binascii.crc32(UUID(each.session_id).bytes) % 100 < 50 for each in grants
    }
    plane.settings = replace(V2, refresh_upgrade_percentage=50)
    for _ in range(2):
        grants = [await again(plane, each.refresh_token) for each in grants]
        assert {each.session_id: each.refresh.counter is not None for each in grants} == expected


async def test_a_v2_token_signed_by_hosted_supabase_is_accepted(database: HasDatabase) -> None:
    """A row as GoTrue writes it and a token built byte by byte from the format's description."""
    plane = await open_plane(database)
    granted = await registered(plane)
    key, session = bytes(range(1, 33)), UUID("7b0e5b52-0a2e-4a3c-9d36-3f1f0a6f2c11")
    await plane.pool.fetchval(
        "insert into auth.sessions (id, user_id, created_at, updated_at, aal, "
        "refresh_token_hmac_key, refresh_token_counter) values ($1, $2, $3, $3, 'aal1', $4, 200) "
        "returning id",
        session,
        granted.user.id,
        plane.clock.now,
        "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA",
    )
    body = b"\x00" + session.bytes + b"\xc8\x01"
    body += hmac.new(key, body, hashlib.sha256).digest()[:16]
    body += hashlib.sha256(body).digest()[:4]
    token = base64.urlsafe_b64encode(body).decode().rstrip("=")
    accepted = await again(plane, token)
    assert accepted.session_id == str(session)
    assert accepted.refresh.counter == 201


async def test_audit_rows_are_gotrues(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane, "audit@example.com", full_name="Ada")
    await plane.pool.execute("delete from auth.audit_log_entries")
    await again(plane, granted.refresh_token)
    rows = await plane.pool.fetch(
        "select payload::text as payload, ip_address, instance_id from auth.audit_log_entries "
        "order by payload ->> 'action'"
    )
    common = (
        f'"actor_id" : "{granted.user.id}", "actor_name" : "Ada", '
        '"actor_username" : "audit@example.com", "actor_via_sso" : false, "log_type" : "token"}'
    )
    assert [_spaced(row["payload"]) for row in rows] == [
        _spaced('{"action" : "token_refreshed", ' + common),
        _spaced('{"action" : "token_revoked", ' + common),
    ]
    assert {row["ip_address"] for row in rows} == {BROWSER.ip}
    plane.settings = replace(OPEN, audit_log_postgres=False)
    granted = await registered(plane)
    await again(plane, granted.refresh_token)
    assert await plane.pool.fetchval("select count(*) from auth.audit_log_entries") == 2


def _spaced(json_text: str) -> str:
    return "".join(json_text.split())


async def test_clients_without_an_address_are_fine(database: HasDatabase) -> None:
    plane = await open_plane(database)
    granted = await registered(plane)
    await refresh.refresh(plane, granted.refresh_token, ClientInfo())
    row = await plane.pool.fetchrow("select ip, user_agent from auth.sessions")
    assert tuple(row) == (None, None)
