"""Fifty clients with the same wish at the same moment, on two servers that share a database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import pytest
from tests.support.messages import mail_server

from keyturn.adapters.postgres.pool import Pool

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
REFRESH = "/token?grant_type=refresh_token"
ADA = {"email": "ada@example.com", "password": "correct horse"}
SECRET = "a-legacy-secret-of-more-than-32-bytes"
CROWD = 50
VERSIONS = pytest.mark.parametrize("version", ["1", "2"])


class HasPool(Protocol):
    """The part of the ``database`` fixture that is used here."""

    async def pool(self, **options: Any) -> Pool: ...


@dataclass
class Pair:
    """Two replicas and the database that they share."""

    replicas: tuple[Any, Any]
    pool: Pool

    async def crowd(self, path: str, json: object) -> list[httpx.Response]:
        """Send the same request from everybody at once, half to each replica."""
        clients: list[httpx.AsyncClient] = [self.replicas[n % 2].http for n in range(CROWD)]
        return await asyncio.gather(*(client.post(path, json=json) for client in clients))

    async def refresh(self, token: str) -> httpx.Response:
        answer: httpx.Response = await self.replicas[0].http.post(
            REFRESH, json={"refresh_token": token}
        )
        return answer

    async def count(self, what: str) -> int:
        return int(await self.pool.fetchval(f"select count(*) from auth.{what}"))


@asynccontextmanager
async def replicas(
    open_server: OpenAuth, database: HasPool, **variables: str
) -> AsyncIterator[Pair]:
    pool = await database.pool(size=1)
    async with open_server(**variables) as one, open_server(**variables) as other:
        yield Pair((one, other), pool)


def answers(responses: list[httpx.Response]) -> Counter[tuple[int, str | None]]:
    return Counter((each.status_code, each.headers.get("x-sb-error-code")) for each in responses)


@VERSIONS
async def test_fifty_refreshes_of_one_token_give_one_successor(
    open_server: OpenAuth, database: HasPool, version: str
) -> None:
    wanted = {"GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION": version}
    async with replicas(open_server, database, **wanted) as pair:
        first = await pair.replicas[0].sign_up()
        granted = await pair.crowd(REFRESH, {"refresh_token": first["refresh_token"]})
        assert answers(granted) == {(200, None): CROWD}
        (successor,) = {each.json()["refresh_token"] for each in granted}
        assert successor != first["refresh_token"]
        rotated = Counter(each.headers["sb-auth-refresh-token-rotated"] for each in granted)
        reused = Counter(each.headers["sb-auth-refresh-token-reuse"] for each in granted)
        assert rotated == {"true": 1, "false": CROWD - 1}
        assert reused == {"false": 1, "true": CROWD - 1}
        assert len({each.headers["sb-auth-session-id"] for each in granted}) == 1
        assert await pair.count("refresh_tokens where not revoked") == (version == "1")
        assert (await pair.refresh(successor)).status_code == 200


@VERSIONS
async def test_fifty_copies_of_a_stolen_token_end_the_session(
    open_server: OpenAuth, database: HasPool, version: str
) -> None:
    """A token two generations old is nobody's honest retry (gotrue.md §3.3, 8 and 9)."""
    wanted = {"GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION": version}
    async with replicas(open_server, database, **wanted) as pair:
        first = await pair.replicas[0].sign_up()
        second = (await pair.refresh(first["refresh_token"])).json()
        third = (await pair.refresh(second["refresh_token"])).json()
        refused = answers(await pair.crowd(REFRESH, {"refresh_token": first["refresh_token"]}))
        used, gone = "refresh_token_already_used", "refresh_token_not_found"
        if version == "1":  # the row of the session stays, its tokens end
            assert refused == {(400, used): CROWD}
        else:  # the first to come deletes the session
            assert refused == {(400, used): 1, (400, gone): CROWD - 1}
        last = await pair.refresh(third["refresh_token"])
        assert (last.status_code, last.headers["x-sb-error-code"]) == (
            (400, used) if version == "1" else (400, gone)
        )


async def test_fifty_sign_ups_of_one_address_make_one_user(
    open_server: OpenAuth, database: HasPool
) -> None:
    async with replicas(open_server, database) as pair:
        found = answers(await pair.crowd("/signup", ADA))
        assert found == {(200, None): 1, (422, "user_already_exists"): CROWD - 1}
        assert await pair.count("users") == 1
        assert await pair.count("identities") == 1
        assert await pair.count("sessions") == 1


async def test_fifty_sign_ups_that_wait_for_their_confirmation_make_one_user(
    open_server: OpenAuth, database: HasPool
) -> None:
    async with mail_server() as mails:
        variables = {
            "GOTRUE_MAILER_AUTOCONFIRM": "false",
            "GOTRUE_SITE_URL": "http://site.test",
            "API_EXTERNAL_URL": "http://auth.test",
            "GOTRUE_SMTP_HOST": "127.0.0.1",
            "GOTRUE_SMTP_PORT": str(mails.port),
            "GOTRUE_SMTP_ADMIN_EMAIL": "hello@example.com",
        }
        async with replicas(open_server, database, **variables) as pair:
            found = answers(await pair.crowd("/signup", ADA))
            # Who was overtaken is told nothing about the account; who came later has to wait.
            assert set(found) <= {(200, None), (429, "over_email_send_rate_limit")}
            assert found[200, None]
            assert await pair.count("users") == 1
            assert await pair.count("one_time_tokens") == 1
            await mails.wait(1)
    assert len(mails.messages) == 1


async def test_a_code_is_used_once_while_others_are_asked_for(
    open_server: OpenAuth, database: HasPool, service_role: Callable[[str], dict[str, str]]
) -> None:
    headers = service_role(SECRET)
    async with replicas(open_server, database, GOTRUE_JWT_SECRET=SECRET) as pair:
        await pair.replicas[0].sign_up()
        wanted = {"type": "recovery", "email": ADA["email"]}
        clients = [each.http for each in pair.replicas]
        link = await clients[0].post("/admin/generate_link", headers=headers, json=wanted)
        code = {"type": "recovery", "token_hash": link.json()["hashed_token"]}
        used = answers(await pair.crowd("/verify", code))
        assert used == {(200, None): 1, (403, "otp_expired"): CROWD - 1}
        for _ in range(10):  # using locks what asking locks, in the same order
            link = await clients[0].post("/admin/generate_link", headers=headers, json=wanted)
            code = {"type": "recovery", "token_hash": link.json()["hashed_token"]}
            both = await asyncio.gather(
                *(clients[1].post("/verify", json=code) for _ in range(3)),
                *(
                    clients[0].post("/admin/generate_link", headers=headers, json=wanted)
                    for _ in range(3)
                ),
            )
            assert set(answers(both)) <= {(200, None), (403, "otp_expired")}
            assert answers(both[3:]) == {(200, None): 3}


async def test_a_full_queue_answers_cleanly_and_empties(
    open_server: OpenAuth, database: HasPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection, held up in the database: who waits for it is told to come back."""
    monkeypatch.setitem(Pool.open.__func__.__kwdefaults__, "wait", 0.3)  # type: ignore[attr-defined]
    operator = await database.pool(size=1)
    async with open_server(GOTRUE_DB_MAX_POOL_SIZE="1") as auth:
        user = await auth.sign_up()
        bearer = {"Authorization": f"Bearer {user['access_token']}"}
        async with operator.transaction() as held:
            await held.execute("lock table auth.users in access exclusive mode")
            waiting = [asyncio.create_task(auth.http.get("/user", headers=bearer))]
            await asyncio.sleep(0)
            waiting += [
                asyncio.create_task(auth.http.get("/user", headers=bearer)) for _ in range(CROWD)
            ]
            done, _ = await asyncio.wait(waiting[1:])
            refused = [task.result() for task in done]
            assert {each.status_code for each in refused} == {503}
            assert {each.headers["retry-after"] for each in refused} == {"1"}
            assert {each.json()["code"] for each in refused} == {503}
            assert not waiting[0].done()
        assert (await waiting[0]).status_code == 200
        again = [await auth.http.get("/user", headers=bearer) for _ in range(3)]
        assert answers(again) == {(200, None): 3}
