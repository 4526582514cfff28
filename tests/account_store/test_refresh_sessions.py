"""Which sessions may still be refreshed: bans, limits, one per user (gotrue.md §3.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.plane import (
    OPEN,
    HasDatabase,
    open_plane,
    registered,
    signed_in,
)
from tests.support.refreshing import again, both, refused

from keyturn.accounts.errors import OAuthRefusal
from keyturn.accounts.settings import AuthSettings
from keyturn.jose import jwt


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
