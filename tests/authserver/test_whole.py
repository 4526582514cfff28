"""An answer leaves in one piece, whatever HTTP version, method and status it has; idlers leave."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from keyturn.authserver.protocol import LimitedProtocol

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
PLAIN = [(b"content-type", b"text/plain"), (b"content-length", b"2")]


class Wire(asyncio.Transport):
    """Keeps every write by itself, as the kernel would get it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed.is_set()
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Conversation:
    """One connection to an application that answers with the given ASGI messages."""

    def __init__(self, *messages: dict[str, Any], keep_alive: float = 60) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            for message in messages:
                await send(message)
            self.answered.set()

        config = Config(
            app, interface="asgi3", ws="none", proxy_headers=False, log_config=None, lifespan="off"
        )
        # uvicorn declares whole seconds; its clock takes fractions, and no test waits for a second.
        config.timeout_keep_alive = keep_alive  # type: ignore[assignment]
        self.answered = asyncio.Event()
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.protocol = LimitedProtocol(config, self.state, {})
        self.wire = Wire()
        self.protocol.connection_made(self.wire)

    async def ask(self, request: bytes) -> list[bytes]:
        """Send ``request`` and return what was written since."""
        before = len(self.wire.writes)
        self.protocol.data_received(request)
        async with asyncio.timeout(5):
            await self.answered.wait()
        await asyncio.gather(*self.state.tasks, return_exceptions=True)
        return self.wire.writes[before:]


def start(status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> dict[str, Any]:
    found = PLAIN if headers is None else headers
    return {"type": "http.response.start", "status": status, "headers": found}


def body(text: bytes = b"ok", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, "more_body": more}


async def test_head_and_body_leave_together_and_the_connection_stays() -> None:
    talk = Conversation(start(), body())
    for _ in range(3):
        [whole] = await talk.ask(GET)
        assert whole.split(b"\r\n") == [
            b"HTTP/1.1 200 OK",
            b"date: today",
            b"content-type: text/plain",
            b"content-length: 2",
            b"",
            b"ok",
        ]
    assert not talk.wire.closed.is_set()
    assert talk.state.total_requests == 3


async def test_requests_sent_together_are_answered_in_turn() -> None:
    talk = Conversation(start(), body())
    talk.protocol.data_received(GET + GET + GET)
    for _ in range(30):
        await asyncio.sleep(0)
    assert len(talk.wire.writes) == 3
    assert all(write.endswith(b"\r\n\r\nok") for write in talk.wire.writes)


@pytest.mark.parametrize(
    ("request_bytes", "messages", "end"),
    [
        (b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n", (start(), body(b"")), b"content-length: 2\r\n\r\n"),
        (GET, (start(204, []), body(b"")), b"204 No Content\r\ndate: today\r\n\r\n"),
        (GET, (start(304, []), body(b"")), b"304 Not Modified\r\ndate: today\r\n\r\n"),
        (GET, (start(200, [(b"content-length", b"0")]), body(b"")), b"content-length: 0\r\n\r\n"),
    ],
)
async def test_answers_without_a_body(
    request_bytes: bytes, messages: tuple[dict[str, Any], ...], end: bytes
) -> None:
    talk = Conversation(*messages)
    [whole] = await talk.ask(request_bytes)
    assert whole.endswith(end)
    assert not talk.wire.closed.is_set()


@pytest.mark.parametrize(
    ("request_bytes", "headers"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", PLAIN),
        (b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", PLAIN),
        (GET, [*PLAIN, (b"connection", b"close")]),
    ],
)
async def test_a_connection_that_ends_says_so_once(
    request_bytes: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    talk = Conversation(start(headers=headers), body())
    [whole] = await talk.ask(request_bytes)
    assert whole.count(b"connection: close\r\n") == 1
    assert talk.wire.closed.is_set()


async def test_pieces_are_sent_as_they_come() -> None:
    talk = Conversation(start(headers=[]), body(b"one", more=True), body(b"two"))
    head, first, second = await talk.ask(GET)
    assert b"transfer-encoding: chunked" in head
    assert first == b"3\r\none\r\n"
    assert second == b"3\r\ntwo\r\n0\r\n\r\n"


async def test_permission_to_go_on_comes_before_the_answer() -> None:
    talk = Conversation(start(), body())
    ask = b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n"
    talk.protocol.data_received(ask)
    await asyncio.sleep(0)
    assert talk.wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    [whole] = await talk.ask(b"x")
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("forged", [b"x\r\nset-cookie: a=b", b"x\ny", b"x\0", b"x\x7f"])
async def test_a_header_with_control_characters_never_leaves(forged: bytes) -> None:
    talk = Conversation(start(headers=[*PLAIN, (b"location", forged)]), body())
    talk.protocol.data_received(GET)
    await asyncio.wait_for(talk.wire.closed.wait(), 5)
    assert talk.wire.writes == []


@pytest.mark.parametrize("text", [b"", b"o", b"okay"])
async def test_a_body_of_another_length_than_declared_ends_the_connection(text: bytes) -> None:
    talk = Conversation(start(), body(text))
    talk.protocol.data_received(GET)
    await asyncio.wait_for(talk.wire.closed.wait(), 5)
    assert b"okay" not in b"".join(talk.wire.writes)


async def test_a_slow_reader_is_waited_for() -> None:
    talk = Conversation(start(), body())
    talk.protocol.pause_writing()
    talk.protocol.data_received(GET)
    for _ in range(10):
        await asyncio.sleep(0)
    assert talk.wire.writes == []
    talk.protocol.resume_writing()
    assert b"".join(await talk.ask(b"")).endswith(b"\r\n\r\nok")


@pytest.mark.parametrize("asked", [False, True])
async def test_a_connection_that_asks_nothing_more_is_closed(asked: bool) -> None:
    talk = Conversation(start(), body(), keep_alive=0.05)
    if asked:
        await talk.ask(GET)
    assert not talk.wire.closed.is_set()
    await asyncio.wait_for(talk.wire.closed.wait(), 5)


async def test_a_connection_that_is_being_answered_is_not_idle() -> None:
    talk = Conversation(start(), body(), keep_alive=0.02)
    head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n"
    talk.protocol.data_received(head)
    await asyncio.sleep(0.06)
    assert not talk.wire.closed.is_set()
    assert len(await talk.ask(b"{}")) == 1
    await asyncio.wait_for(talk.wire.closed.wait(), 5)


async def test_a_lost_connection_leaves_no_timer() -> None:
    talk = Conversation(start(), body(), keep_alive=0.01)
    await talk.ask(GET)
    talk.protocol.connection_lost(None)
    talk.wire.closed.clear()
    await asyncio.sleep(0.03)
    assert not talk.wire.closed.is_set()
