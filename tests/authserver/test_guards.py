"""Rate limits, counted for all workers, and the captcha, asked at a server of the test."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.support.plane import HasDatabase

from keyturn.accounts.limits import Rate
from keyturn.adapters.postgres.rate_limiter import PostgresRateLimiter
from keyturn.flows.guards import key_of

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
SECRET = "a shared secret of forty characters or so"
NOBODY = {"email": "nobody@example.com", "password": "wrong one"}
SIGN_IN = "/token?grant_type=password"
FROM_ONE = {"X-Forwarded-For": "203.0.113.1, 10.0.0.1"}
FROM_TWO = {"X-Forwarded-For": "203.0.113.2"}


@pytest.mark.parametrize(
    ("value", "address", "key"),
    [
        ("203.0.113.1, 10.0.0.1", False, "203.0.113.1"),
        ("whatever", False, "whatever"),
        ("", False, None),
        (None, False, None),
        (" , x", False, None),
        ("203.0.113.1,10.0.0.1", True, "203.0.113.1"),
        ("2001:DB8::1", True, "2001:db8::1"),
        ("whatever", True, None),
        (None, True, None),
    ],
)
def test_what_is_counted(value: str | None, address: bool, key: str | None) -> None:
    assert key_of(value, address=address) == key


async def test_a_bucket_empties_and_fills(database: HasDatabase) -> None:
    pool = await database.pool()
    limiter, rate = PostgresRateLimiter(pool), Rate(count=60, seconds=3600, burst=3)
    assert [await limiter.take("b", "k", rate) for _ in range(5)] == [True] * 3 + [False] * 2
    assert await limiter.take("b", "other", rate)
    assert await limiter.take("other", "k", rate)
    # One token comes back each minute; a refusal takes none.
    await pool.execute("update keyturn.rate_limits set filled_at = filled_at - interval '61 s'")
    assert [await limiter.take("b", "k", rate) for _ in range(2)] == [True, False]
    await pool.execute("update keyturn.rate_limits set filled_at = filled_at - interval '1 day'")
    assert [await limiter.take("b", "k", rate) for _ in range(4)] == [True] * 3 + [False]
    # A clock that was set back takes nothing away.
    await pool.execute("update keyturn.rate_limits set filled_at = filled_at + interval '1 day'")
    assert not await limiter.take("b", "k", rate)


async def test_no_token_is_taken_twice(database: HasDatabase) -> None:
    limiter = PostgresRateLimiter(await database.pool(size=8))
    rate = Rate(count=1, seconds=3600, burst=10)
    taken = await asyncio.gather(*(limiter.take("b", "k", rate) for _ in range(60)))
    assert sum(taken) == 10


async def test_replicas_count_together(open_server: OpenAuth) -> None:
    options = {"GOTRUE_RATE_LIMIT_HEADER": "X-Forwarded-For"}
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(open_server(**options)) for _ in range(2)]
        statuses = []
        for turn in range(32):
            answer = await workers[turn % 2].http.post("/token?grant_type=x", headers=FROM_ONE)
            statuses.append(answer.status_code)
        assert statuses[:30] == [400] * 30
        # Half a token a second comes back meanwhile: the last two may have got one.
        assert statuses.count(429) >= 1
        for auth in workers:
            await _empty(auth)
            said = await auth.refused(
                429, "over_request_rate_limit", "POST", "/token?grant_type=x", headers=FROM_ONE
            )
            assert said == "Request rate limit reached"
            other = await auth.http.post("/token?grant_type=x", headers=FROM_TWO)
            assert other.status_code == 400
            assert (await auth.http.post("/token?grant_type=x")).status_code == 400


async def _empty(auth: Any) -> None:
    """Take what came back while the test ran."""
    for _ in range(40):
        answer = await auth.http.post("/token?grant_type=x", headers=FROM_ONE)
        if answer.status_code == 429:
            return


async def test_guests_have_a_limit_of_their_own(open_server: OpenAuth) -> None:
    async with open_server(
        GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED="true",
        GOTRUE_RATE_LIMIT_ANONYMOUS_USERS="2",
        GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED="true",
    ) as auth:
        one = {"Sb-Forwarded-For": "203.0.113.1"}
        guests = [await auth.http.post("/signup", json={}, headers=one) for _ in range(3)]
        assert [guest.status_code for guest in guests] == [200, 200, 429]
        body = {"email": "ada@example.com", "password": "correct horse"}
        assert (await auth.http.post("/signup", json=body, headers=one)).status_code == 200
        not_an_address = {"Sb-Forwarded-For": "everybody"}
        assert (await auth.http.post("/signup", json={}, headers=not_an_address)).status_code == 200


async def test_wallets_have_a_limit_of_their_own(open_server: OpenAuth) -> None:
    """The grant is off, and refused before the limit as beyond it: GoTrue counts it first."""
    variables = {"GOTRUE_RATE_LIMIT_HEADER": "X-Forwarded-For", "GOTRUE_RATE_LIMIT_WEB3": "1"}
    async with open_server(**variables) as auth:
        wallet = "/token?grant_type=web3"
        statuses = [(await auth.http.post(wallet, headers=FROM_ONE)).status_code for _ in range(32)]
        assert statuses[:30] == [422] * 30
        assert statuses[31] == 429
        await auth.refused(400, "invalid_credentials", "POST", "/token", headers=FROM_ONE)
        await auth.refused(422, "web3_provider_disabled", "POST", wallet, headers=FROM_TWO)


async def test_nothing_is_limited_by_default(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        for _ in range(40):
            answer = await auth.http.post("/token?grant_type=x", headers=FROM_ONE)
            assert answer.status_code == 400


class Riddles(BaseHTTPRequestHandler):
    """A ``siteverify`` that knows one answer."""

    asked: list[dict[str, list[str]]]
    broken = False

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self.asked.append(form)
        right = form["response"] == ["forty-two"]
        said = {"success": right} if right else {"success": False, "error-codes": ["bad", "worse"]}
        body = b"<html>" if self.broken else json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@contextmanager
def serving_riddles() -> Iterator[tuple[str, type[Riddles]]]:
    """Ask riddles on a free port; yields the address, and what keeps the requests."""
    handler = type("Riddles", (Riddles,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/siteverify", handler
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def riddles() -> Iterator[tuple[str, type[Riddles]]]:
    with serving_riddles() as asking:
        yield asking


def solved(answer: str) -> dict[str, object]:
    return {**NOBODY, "gotrue_meta_security": {"captcha_token": answer}}


async def test_captcha(
    open_server: OpenAuth, service_role: Bearer, riddles: tuple[str, type[Riddles]]
) -> None:
    url, service = riddles
    async with open_server(
        GOTRUE_JWT_SECRET=SECRET,
        GOTRUE_SECURITY_CAPTCHA_ENABLED="true",
        GOTRUE_SECURITY_CAPTCHA_PROVIDER="turnstile",
        GOTRUE_SECURITY_CAPTCHA_SECRET="our secret",
        KEYTURN_CAPTCHA_URL=url,
    ) as auth:
        refused = "captcha protection: request disallowed"
        for body, said in (
            (NOBODY, f"{refused} (no captcha_token found)"),
            (solved(" "), f"{refused} (no captcha_token found)"),
            (solved("forty-one"), f"{refused} (bad, worse)"),
        ):
            for path in (SIGN_IN, "/signup"):
                assert await auth.refused(400, "captcha_failed", "POST", path, json=body) == said
        right = await auth.http.post(SIGN_IN, json=solved("forty-two"), headers=FROM_ONE)
        assert right.json()["error_code"] == "invalid_credentials"
        asked = service.asked[-1]
        assert (asked["secret"], asked["response"]) == (["our secret"], ["forty-two"])
        assert asked["remoteip"]
        by_admin = await auth.http.post(SIGN_IN, json=NOBODY, headers=service_role(SECRET))
        assert by_admin.json()["error_code"] == "invalid_credentials"
        with_anything = await auth.http.post(
            SIGN_IN, json=NOBODY, headers={"Authorization": "Bearer x"}
        )
        assert with_anything.json()["error_code"] == "captcha_failed"
        spared = await auth.http.post(
            "/token?grant_type=refresh_token", json={"refresh_token": "x"}
        )
        assert spared.json()["error_code"] == "validation_failed"
        assert (await auth.http.get("/settings")).status_code == 200
        service.broken = True
        said = await auth.refused(
            500, "unexpected_failure", "POST", SIGN_IN, json=solved("forty-two")
        )
        assert said == "captcha verification process failed"
