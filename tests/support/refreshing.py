"""What the tests of refreshing share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.plane import (
    BROWSER,
    OPEN,
    TestPlane,
)

from keyturn.accounts.errors import AuthError
from keyturn.flows import refresh
from keyturn.flows.plane import Granted

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
