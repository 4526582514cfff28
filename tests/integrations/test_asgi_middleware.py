"""The ASGI middleware beyond the example: sockets, repeated headers, requests without a token."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from tests.support.bearers import Issuer, authorized

from keyturn.errors import UsageError
from keyturn.integrations.asgi import BearerMiddleware
from keyturn.integrations.bearer import presented
from keyturn.integrations.protocol import Receive, Scope, Send


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the subject; hold every second request a little longer."""
    claims = scope["state"]["claims"]
    await asyncio.sleep(0)
    body = str(None if claims is None else claims["sub"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def client(issuer: Issuer, **options: Any) -> httpx.AsyncClient:
    app: Any = BearerMiddleware(told, issuer.verifier, **options)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver")


async def test_two_headers_are_refused_whichever_is_good(issuer: Issuer) -> None:
    async with client(issuer) as http:
        twice = [("Authorization", f"Bearer {issuer.token()}"), ("Authorization", "Bearer x")]
        assert (await http.get("/", headers=twice)).json()["code"] == "request_malformed"


async def test_anonymous_lets_no_token_through_but_no_bad_one(issuer: Issuer) -> None:
    async with client(issuer, anonymous=True) as http:
        assert (await http.get("/")).text == "None"
        assert (await http.get("/", headers=authorized(issuer.token("ada")))).text == "ada"
        assert (await http.get("/", headers=authorized(issuer.forged()))).status_code == 401


async def test_a_public_path_is_exact(issuer: Issuer) -> None:
    async with client(issuer, public_paths={"/health"}) as http:
        assert (await http.get("/health")).status_code == 200
        for path in ("/health/", "/health/../whoami", "/Health", "/healthy", "/"):
            assert (await http.get(path)).status_code == 401


async def test_concurrent_requests_keep_their_own_claims(issuer: Issuer) -> None:
    names = [f"user-{number}" for number in range(50)]
    async with client(issuer) as http:
        answers = await asyncio.gather(
            *(http.get("/", headers=authorized(issuer.token(name))) for name in names)
        )
    assert [answer.text for answer in answers] == names


@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}], ids=["old", "new"])
async def test_a_socket_without_a_token_is_not_opened(
    extensions: dict[str, Any], issuer: Issuer
) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [], "extensions": extensions}
    await BearerMiddleware(told, issuer.verifier)(scope, receive, send)
    if extensions:
        assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 401)
    else:
        assert sent == [{"type": "websocket.close", "code": 4401, "reason": "token_missing"}]


async def test_lifespan_passes(issuer: Issuer) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def unused(*_: Any) -> Any:
        raise AssertionError

    await BearerMiddleware(app, issuer.verifier)({"type": "lifespan"}, unused, unused)
    assert seen == ["lifespan"]


@pytest.mark.parametrize("realm", ["", 'a"b', "a\\b", "ä", "a\r\nX: y"])
def test_a_realm_that_breaks_the_header_is_refused(realm: str, issuer: Issuer) -> None:
    with pytest.raises(UsageError):
        BearerMiddleware(told, issuer.verifier, realm=realm)


def test_a_token_is_taken_as_it_stands() -> None:
    assert presented(["Bearer   a.b-c_~+/=="]) == "a.b-c_~+/=="
