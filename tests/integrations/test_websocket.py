"""WebSockets on a real uvicorn with a real client; only time is the test's own."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from examples import websocket_app
from tests.support.bearers import CODES, LIFE, Issuer, authorized
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from keyturn import Verifier
from keyturn.errors import UsageError
from keyturn.integrations.protocol import Claims
from keyturn.integrations.socket_tokens import TokenSources
from keyturn.integrations.websocket import AsgiSocket, SocketGuard, SocketSession
from keyturn.jose import keys


def guard(issuer: Issuer, **options: Any) -> SocketGuard:
    known = {"verifier": issuer.verifier, "clock": issuer.clock, "sleep": issuer.clock.sleep}
    return SocketGuard(**{**known, **options})


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Run ``app`` on a free port; yields its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="websockets-sansio")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/echo"
    finally:
        server.should_exit = True
        await running
        listener.close()


@asynccontextmanager
async def chatting(
    guard: SocketGuard, token: str | None, *, path: str = "", **options: Any
) -> AsyncIterator[ClientConnection]:
    """A connection to the example, authenticated by header when there is a token."""
    headers = authorized(token) if token else {}
    async with (
        serving(websocket_app.create_app(guard)) as address,
        connect(address + path, additional_headers=headers, proxy=None, **options) as chat,
    ):
        yield chat


async def said(chat: ClientConnection, text: str) -> str | bytes:
    await chat.send(text)
    return await asyncio.wait_for(chat.recv(), 10)


async def closing(chat: ClientConnection) -> tuple[int, str]:
    """With which code and reason the server closes."""
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(chat.recv(), 10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def asleep(issuer: Issuer, seconds: float) -> None:
    """Wait until the server's watch sleeps for exactly this long."""
    for _ in range(1000):
        if seconds in issuer.clock.sleepers:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"nobody sleeps {seconds} s, but {issuer.clock.sleepers}")


def renewal(token: object) -> str:
    """As Supabase Realtime's client sends it."""
    return json.dumps(
        {"topic": "t", "event": "access_token", "payload": {"access_token": token}, "ref": "7"}
    )


async def test_a_header_authenticates(issuer: Issuer) -> None:
    async with chatting(guard(issuer), issuer.token("ada")) as chat:
        assert await said(chat, "hi") == "ada: hi"


async def test_a_subprotocol_authenticates_and_the_token_is_not_echoed(issuer: Issuer) -> None:
    token = issuer.token("ada")
    async with chatting(guard(issuer), None, subprotocols=["bearer", token]) as chat:
        assert chat.subprotocol == "bearer"
        assert await said(chat, "hi") == "ada: hi"


async def test_the_applications_own_subprotocol_is_spoken(issuer: Issuer) -> None:
    offers = ["chat.v2", "bearer", issuer.token()]
    async with chatting(guard(issuer, spoken=["chat.v2"]), None, subprotocols=offers) as chat:
        assert chat.subprotocol == "chat.v2"


async def test_a_first_message_authenticates(issuer: Issuer) -> None:
    async with chatting(guard(issuer), None) as chat:
        await chat.send(renewal(issuer.token("ada")))
        assert await said(chat, "hi") == "ada: hi"


async def test_a_query_authenticates_only_where_it_was_asked_for(issuer: Issuer) -> None:
    path = f"?token={issuer.token('ada')}"
    asked = TokenSources(query="token")
    async with chatting(guard(issuer, sources=asked), None, path=path) as chat:
        assert await said(chat, "hi") == "ada: hi"
    unasked = TokenSources(first_message_seconds=None)
    async with chatting(guard(issuer, sources=unasked), None, path=path) as chat:
        assert await closing(chat) == (4401, "token_missing")


@pytest.mark.parametrize("kind", CODES)
async def test_a_bad_token_is_closed_with_4401_and_its_code(kind: str, issuer: Issuer) -> None:
    async with chatting(guard(issuer), issuer.bad(kind)) as chat:
        assert await closing(chat) == (4401, CODES[kind])
    async with chatting(guard(issuer), None) as chat:
        await chat.send(renewal(issuer.bad(kind)))
        assert await closing(chat) == (4401, CODES[kind])


async def test_a_first_message_without_a_token_is_refused(issuer: Issuer) -> None:
    for message in ("hello", '{"event": "chat"}', b"\x00", renewal(None)):
        async with chatting(guard(issuer), None) as chat:
            await chat.send(message)
            assert await closing(chat) == (4401, "token_missing")


async def test_who_stays_silent_is_closed_in_time(issuer: Issuer) -> None:
    async with chatting(guard(issuer), None) as chat:
        await asleep(issuer, 10)
        issuer.clock.forward(10)
        assert await closing(chat) == (4401, "token_missing")


async def test_two_tokens_in_one_handshake_are_refused(issuer: Issuer) -> None:
    token = issuer.token()
    async with chatting(guard(issuer), token, subprotocols=["bearer", token]) as chat:
        assert await closing(chat) == (1008, "request_malformed")


async def test_the_connection_ends_with_its_token(issuer: Issuer) -> None:
    async with chatting(guard(issuer, recheck_seconds=2 * LIFE), issuer.token()) as chat:
        await asleep(issuer, LIFE)
        issuer.clock.forward(LIFE - 1)
        assert await said(chat, "still here") == "ada: still here"
        issuer.clock.forward(1)
        assert await closing(chat) == (4401, "token_expired")


async def test_a_new_token_lengthens_the_connection(issuer: Issuer) -> None:
    async with chatting(guard(issuer, recheck_seconds=2 * LIFE), issuer.token()) as chat:
        await asleep(issuer, LIFE)
        issuer.clock.forward(LIFE - 60)
        await chat.send(renewal(issuer.token()))
        await asleep(issuer, LIFE)
        issuer.clock.forward(120)  # past the end of the first token
        assert await said(chat, "renewed") == "ada: renewed"
        issuer.clock.forward(LIFE)
        assert await closing(chat) == (4401, "token_expired")


async def test_a_new_token_may_shorten_the_connection(issuer: Issuer) -> None:
    async with chatting(guard(issuer, recheck_seconds=2 * LIFE), issuer.token()) as chat:
        await asleep(issuer, LIFE)
        await chat.send(renewal(issuer.token(life=30)))
        await asleep(issuer, 30)
        issuer.clock.forward(30)
        assert await closing(chat) == (4401, "token_expired")


@pytest.mark.parametrize("kind", CODES)
async def test_a_bad_new_token_ends_the_connection(kind: str, issuer: Issuer) -> None:
    async with chatting(guard(issuer), issuer.token()) as chat:
        await chat.send(renewal(issuer.bad(kind)))
        assert await closing(chat) == (4401, CODES[kind])


async def test_signing_out_ends_the_connection(issuer: Issuer) -> None:
    async with chatting(guard(issuer), issuer.token()) as chat:
        await chat.send(renewal(None))
        assert await closing(chat) == (4401, "token_missing")


async def test_nobody_takes_over_the_connection_of_another(issuer: Issuer) -> None:
    async with chatting(guard(issuer), issuer.token("ada")) as chat:
        await chat.send(renewal(issuer.token("grace")))
        assert await closing(chat) == (1008, "subject_changed")


@pytest.mark.parametrize("payload", ["{}", '{"access_token": 7}', "null"])
async def test_a_broken_renewal_is_a_violation(payload: str, issuer: Issuer) -> None:
    async with chatting(guard(issuer), issuer.token()) as chat:
        await chat.send(f'{{"event": "access_token", "payload": {payload}}}')
        wanted = (4401, "token_missing") if payload == "{}" else (1008, "request_malformed")
        assert await closing(chat) == wanted


async def test_messages_that_only_look_like_renewals_reach_the_application(issuer: Issuer) -> None:
    async with chatting(guard(issuer), issuer.token()) as chat:
        for text in ("access_token", '{"event":"x","about":"access_token"}', '["access_token"]'):
            assert await said(chat, text) == f"ada: {text}"


class Revocable:
    """A verifier whose keys are exchanged while connections are open."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier

    async def verify(self, token: str) -> Claims:
        return await self.verifier.verify(token)

    def verify_now(self, token: str) -> Claims:
        return self.verifier.verify_now(token)


async def test_a_revoked_key_closes_the_connections_it_opened(issuer: Issuer) -> None:
    revocable = Revocable(issuer.verifier)
    async with chatting(guard(issuer, verifier=revocable), issuer.token()) as chat:
        await asleep(issuer, 300)
        issuer.clock.forward(300)
        await asleep(issuer, 300)
        assert await said(chat, "checked") == "ada: checked"
        revocable.verifier = issuer.verifier_of(keys.generate("ES256", kid="key-2"))
        issuer.clock.forward(300)
        assert await closing(chat) == (4401, "unknown_kid")


async def test_leeway_is_the_verifiers_to_give(issuer: Issuer) -> None:
    lenient = issuer.verifier_of(issuer.key, leeway=30)
    async with chatting(guard(issuer, verifier=lenient), issuer.token(life=60)) as chat:
        await asleep(issuer, 60)
        issuer.clock.forward(60)
        await asleep(issuer, 1)
        assert await said(chat, "on leeway") == "ada: on leeway"
        issuer.clock.forward(30)
        assert await closing(chat) == (4401, "token_expired")


async def test_a_handler_that_only_pushes_is_stopped_too(issuer: Issuer) -> None:
    stopped = asyncio.Event()

    async def push(session: SocketSession[AsgiSocket]) -> None:
        await session.socket.send({"type": "websocket.send", "text": "news"})
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await guard(issuer).serve(AsgiSocket(scope, receive, send), push)

    async with (
        serving(app) as address,
        connect(address, additional_headers=authorized(issuer.token(life=60)), proxy=None) as chat,
    ):
        assert await chat.recv() == "news"
        await asleep(issuer, 60)
        issuer.clock.forward(60)
        assert await closing(chat) == (4401, "token_expired")
        await asyncio.wait_for(stopped.wait(), 10)


async def test_what_a_handler_raises_is_raised_on_after_closing(issuer: Issuer) -> None:
    raised: list[Exception] = []

    async def broken(session: SocketSession[AsgiSocket]) -> None:
        raise LookupError

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await guard(issuer).serve(AsgiSocket(scope, receive, send), broken)
        except LookupError as error:
            raised.append(error)

    async with (
        serving(app) as address,
        connect(address, additional_headers=authorized(issuer.token()), proxy=None) as chat,
    ):
        assert await closing(chat) == (1011, "internal_error")
    assert len(raised) == 1


async def test_a_client_that_leaves_ends_the_handler(issuer: Issuer) -> None:
    async with chatting(guard(issuer), issuer.token()) as chat:
        await said(chat, "hi")
        await chat.close()
        for _ in range(1000):
            if not issuer.clock.sleepers:
                break
            await asyncio.sleep(0.005)
        assert issuer.clock.sleepers == []


def test_settings_that_refuse_everybody_are_refused() -> None:
    with pytest.raises(UsageError):
        TokenSources(header=False, subprotocol=False, query=None, first_message_seconds=None)
    with pytest.raises(UsageError):
        TokenSources(first_message_seconds=0)


def test_a_pause_between_checks_is_longer_than_nothing(issuer: Issuer) -> None:
    with pytest.raises(UsageError):
        guard(issuer, recheck_seconds=0)
