"""Many clients with one token, locks, and the way from v1 to v2 tokens."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest
from tests.support.plane import (
    HasDatabase,
    open_plane,
    registered,
)
from tests.support.queueing import queued
from tests.support.refreshing import V1, V2, active_tokens, again, both, refused, sessions

from keyturn.accounts.refresh_tokens import signed_text
from keyturn.accounts.settings import AuthSettings
from keyturn.flows import refresh


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


@both
async def test_refreshes_of_one_transaction_are_as_if_one_came_after_the_other(
    database: HasDatabase, settings: AuthSettings
) -> None:
    plane = await open_plane(database, settings, size=1)
    ann, ben = [await registered(plane) for _ in range(2)]
    unknown = signed_text(ann.session_id, 0, "AAAA") if settings == V2 else "abcdefghijkl"
    *twice, once, stranger = await queued(
        plane.pool.real,
        again(plane, ann.refresh_token),
        again(plane, ann.refresh_token),
        again(plane, ben.refresh_token),
        refused(plane, unknown),
    )
    first, second = await asyncio.gather(*twice)
    assert first.refresh_token == second.refresh_token
    assert (first.refresh.rotated, second.refresh.cause) == (True, "fail-to-save")
    assert (await once).refresh.rotated
    assert (await stranger).row.name == "refresh_not_found"
    assert await plane.pool.fetchval("select count(distinct xmin::text) from auth.sessions") == 1
    assert (await again(plane, second.refresh_token)).refresh.rotated


@both
async def test_a_refresh_that_the_database_refuses_refuses_no_other(
    database: HasDatabase, settings: AuthSettings
) -> None:
    """A trigger of the operator's own on one user's sessions; the other is rotated once."""
    plane = await open_plane(database, settings, size=1)
    ann, ben = [await registered(plane) for _ in range(2)]
    await plane.pool.execute(
        "create function keyturn.refuses() returns trigger language plpgsql as "
        "$$begin raise exception 'no'; end$$; "
        "create trigger refuses before update on auth.sessions for each row "
        f"when (new.id = '{ben.session_id}') execute function keyturn.refuses()"
    )
    granted, denied = await queued(
        plane.pool.real, *(again(plane, each.refresh_token) for each in (ann, ben))
    )
    fresh = await granted
    assert fresh.refresh.rotated
    with pytest.raises(asyncpg.RaiseError):
        await denied
    assert (await again(plane, fresh.refresh_token)).refresh.rotated


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
