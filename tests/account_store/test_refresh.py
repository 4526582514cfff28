"""Refreshing on a real database: rotation and reuse, gotrue.md §3.3, both token versions."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tests.support.plane import (
    BROWSER,
    OPEN,
    HasDatabase,
    open_plane,
    registered,
)
from tests.support.refreshing import V1, V2, active_tokens, again, both, refused, sessions

from keyturn.accounts.refresh_tokens import signed_text
from keyturn.accounts.settings import AuthSettings
from keyturn.flows import refresh
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.jose import jwt


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
