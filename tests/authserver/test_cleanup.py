"""GOTRUE_DB_CLEANUP_ENABLED: what counts no longer goes, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.support.gotrue_schema import OCTOBER_2024, as_gotrue_left_it

from keyturn.wiring.cleaning import clean

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
ON = {"GOTRUE_DB_CLEANUP_ENABLED": "true"}
REFRESH = "/token?grant_type=refresh_token"
ADA = {"email": "ada@example.com", "password": "correct horse"}


async def refreshed(auth: Any, token: Any) -> Any:
    answer = await auth.http.post(REFRESH, json={"refresh_token": token["refresh_token"]})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def enrolled(auth: Any, token: Any) -> None:
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    body = {"factor_type": "totp", "friendly_name": "app"}
    made = (await auth.http.post("/factors", json=body, headers=headers)).json()
    await auth.http.post(f"/factors/{made['id']}/challenge", headers=headers)


async def aged(admin: Any, hours: int) -> None:
    """Let ``hours`` pass for everything that is there."""
    for table, column in (
        ("refresh_tokens", "updated_at"),
        ("sessions", "created_at"),
        ("sessions", "refreshed_at"),
        ("sessions", "not_after"),
        ("flow_state", "created_at"),
        ("mfa_challenges", "created_at"),
        ("mfa_factors", "created_at"),
    ):
        await admin.execute(f"update auth.{table} set {column} = {column} - interval '{hours} h'")


async def counted(admin: Any) -> dict[str, int]:
    tables = ("refresh_tokens", "sessions", "mfa_challenges", "mfa_factors", "users")
    return {table: await admin.fetchval(f"select count(*) from auth.{table}") for table in tables}


@pytest.mark.parametrize("age", ["", OCTOBER_2024])
async def test_what_goes_after_a_day(
    age: str, open_server: OpenAuth, database: Any, eventually: Callable[..., Any]
) -> None:
    admin = await database.pool(database.dsn, size=1)
    if age:
        admin = await as_gotrue_left_it(database, age)
    async with open_server() as auth:
        token = await refreshed(auth, await auth.sign_up())
        await enrolled(auth, token)
        full = await counted(admin)
        assert full == dict.fromkeys(full, 1) | {"refresh_tokens": 2}
        await aged(admin, 25)
        assert await counted(admin) == full, "nothing goes while it is off"
    async with open_server(**ON) as auth:

        async def cleaned() -> bool:
            left = await counted(admin)
            return left["refresh_tokens"] == left["sessions"] == 1 and not left["mfa_factors"]

        await eventually(cleaned)
        assert (await counted(admin))["mfa_challenges"] == 0
        await refreshed(auth, token)  # the session goes on


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({}, 2),
        ({"GOTRUE_SESSIONS_TIMEBOX": "1h"}, 0),
        ({"GOTRUE_SESSIONS_INACTIVITY_TIMEOUT": "1h"}, 1),
    ],
)
async def test_sessions_that_are_over_by_the_rules(
    open_server: OpenAuth, database: Any, rule: dict[str, str], left: int
) -> None:
    admin = await database.pool(database.dsn, size=1)
    async with open_server(**rule) as auth:
        await auth.sign_up()
        other = await auth.http.post("/token?grant_type=password", json=ADA)
        await aged(admin, 30)
        await admin.execute(
            "update auth.sessions set refreshed_at = now() at time zone 'utc'"
            " where id = (select session_id from auth.refresh_tokens where token = $1)",
            other.json()["refresh_token"],
        )
        await clean(auth.settings, await database.pool())
    assert await admin.fetchval("select count(*) from auth.sessions") == left


async def test_many_processes_and_rows_in_use(open_server: OpenAuth, database: Any) -> None:
    """One cleans at a time, what somebody holds stays, and nobody waits."""
    admin = await database.pool(database.dsn, size=2)
    async with open_server() as auth:
        token = await refreshed(auth, await auth.sign_up())
        await aged(admin, 25)
        pools = [await database.pool(size=1) for _ in range(4)]
        async with admin.transaction() as held:
            await held.execute("select from auth.refresh_tokens where revoked for update")
            gone = await asyncio.gather(*(clean(auth.settings, pool) for pool in pools))
            assert gone == [0] * 4
        gone = await asyncio.gather(*(clean(auth.settings, pool) for pool in pools))
        assert sorted(gone) == [0, 0, 0, 1]
        await refreshed(auth, token)
