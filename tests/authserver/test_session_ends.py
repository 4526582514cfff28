"""When sessions end by the operator's variables, as a client's refresh finds out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest

from keyturn.adapters.postgres.pool import Pool

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
REFRESH = "/token?grant_type=refresh_token"
# The clock is not turned; what happened is moved into the past.
EARLIER = (
    (
        "update auth.sessions set created_at = created_at - $1::interval, "
        "refreshed_at = refreshed_at - $1::interval"
    ),
    (
        "update auth.refresh_tokens set created_at = created_at - $1::interval, "
        "updated_at = updated_at - $1::interval"
    ),
)
FACTOR = (
    "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at, "
    "friendly_name, secret) select gen_random_uuid(), id, 'totp', 'verified', now(), now(), "
    "'', '' from auth.users"
)


class HasPool(Protocol):
    """The part of the ``database`` fixture that is used here."""

    async def pool(self, **options: Any) -> Pool: ...


async def earlier(pool: Pool, interval: str) -> None:
    """Let everything have happened so much earlier."""
    for statement in EARLIER:
        await pool.execute(statement.replace("$1", f"'{interval}'"))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("variable", "suffix", "factor", "kept_by_use"),
    [
        ("GOTRUE_SESSIONS_TIMEBOX", "", False, False),
        ("GOTRUE_SESSIONS_INACTIVITY_TIMEOUT", " (Inactivity)", False, True),
        ("GOTRUE_SESSIONS_ALLOW_LOW_AAL", " (Low AAL: User Needs MFA Verification)", True, False),
    ],
)
async def test_a_session_ends(
    open_server: OpenAuth,
    database: HasPool,
    version: str,
    variable: str,
    suffix: str,
    factor: bool,
    kept_by_use: bool,
) -> None:
    pool = await database.pool(size=1)
    given = {variable: "1h", "GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION": version}
    async with open_server(**given) as auth:
        token = await auth.sign_up()
        if factor:
            await pool.execute(FACTOR)
        await earlier(pool, "50 minutes")
        body = {"refresh_token": token["refresh_token"]}
        fresh = (await auth.http.post(REFRESH, json=body)).json()
        await earlier(pool, "50 minutes")
        if kept_by_use:
            body = {"refresh_token": fresh["refresh_token"]}
            fresh = (await auth.http.post(REFRESH, json=body)).json()
            await earlier(pool, "70 minutes")
        body = {"refresh_token": fresh["refresh_token"]}
        said = await auth.refused(400, "session_expired", "POST", REFRESH, json=body)
        assert said == f"Invalid Refresh Token: Session Expired{suffix}"
