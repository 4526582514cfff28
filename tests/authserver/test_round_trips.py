"""How often the hot requests ask the database: counted on the wire, behind the whole server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from tests.support.wire import Spoken, counting

from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.secret_access import reveal

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
ADA = {"email": "ada@example.com", "password": "correct horse"}


class HasName(Protocol):
    """The part of the ``database`` fixture that is used here."""

    cluster: EmbeddedPostgres
    name: str


@asynccontextmanager
async def listened_to(
    open_server: OpenAuth, database: HasName, **variables: str
) -> AsyncIterator[tuple[Any, Spoken]]:
    """A server with a user, whose connections have prepared what they need."""
    url = reveal(database.cluster.dsn(database=database.name, tcp=True)).decode()
    assert urlsplit(url).hostname == "127.0.0.1"
    async with (
        counting(url) as spoken,
        open_server(KEYTURN_DATABASE_URL=spoken.url, **variables) as auth,
    ):
        yield auth, spoken


async def trips(spoken: Spoken, ask: Callable[[], Any]) -> int:
    """The round trips of one request, the second of its kind."""
    assert (await ask()).status_code == 200
    before = spoken.round_trips
    assert (await ask()).status_code == 200
    return spoken.round_trips - before


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_refresh_takes_at_most_two(
    open_server: OpenAuth, database: HasName, version: str
) -> None:
    variables = {"GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION": version}
    async with listened_to(open_server, database, **variables) as (auth, spoken):
        token = (await auth.sign_up())["refresh_token"]

        async def ask() -> Any:
            nonlocal token
            body = {"refresh_token": token}
            answer = await auth.http.post("/token?grant_type=refresh_token", json=body)
            token = answer.json()["refresh_token"]
            return answer

        assert 1 <= await trips(spoken, ask) <= 2


async def test_a_sign_in_takes_at_most_three(open_server: OpenAuth, database: HasName) -> None:
    async with listened_to(open_server, database) as (auth, spoken):
        await auth.sign_up(**ADA)
        ask = lambda: auth.http.post("/token?grant_type=password", json=ADA)  # noqa: E731
        assert 1 <= await trips(spoken, ask) <= 3


async def test_the_user_takes_one(open_server: OpenAuth, database: HasName) -> None:
    async with listened_to(open_server, database) as (auth, spoken):
        bearer = {"Authorization": f"Bearer {(await auth.sign_up())['access_token']}"}
        assert await trips(spoken, lambda: auth.http.get("/user", headers=bearer)) == 1
