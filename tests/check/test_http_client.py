"""The HTTP client of `keyturn check` against a real socket that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.http_probe import answers_ok, free_ports, why_not_free
from keyturn.errors import Unreachable, UsageError


@asynccontextmanager
async def server(answer: bytes, *, hang: bool = False) -> AsyncIterator[int]:
    """Serve ``answer`` to every connection; with ``hang`` keep it open afterwards."""
    held = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if hang:
            await held.wait()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        held.set()
        listening.close()
        await listening.wait_closed()


@asynccontextmanager
async def dripping() -> AsyncIterator[int]:
    """Serve one byte of a header every twentieth of a second, for ever."""
    stop = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not stop.is_set():
            writer.write(b"x")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.05)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        stop.set()
        listening.close()
        await listening.wait_closed()


async def test_an_answer_comes_back_whole() -> None:
    """Status, lower-case headers and body; a redirect is an answer, not a journey."""
    raw = b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 2\r\n\r\nhi"
    async with server(raw) as port:
        answer = await StandardHttpClient().send("GET", f"http://127.0.0.1:{port}/x?y=1")

    assert (answer.status, answer.body) == (302, b"hi")
    assert answer.headers["location"] == "http://elsewhere/"


async def test_a_body_without_end_is_refused() -> None:
    """More than the limit is not read into memory."""
    raw = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000
    async with server(raw) as port:
        with pytest.raises(Unreachable, match="more than 1000 bytes"):
            await StandardHttpClient(max_bytes=1000).send("GET", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 900000\r\n"])
async def test_a_long_body_of_a_connection_that_ends_is_read_whole(framing: bytes) -> None:
    """Nobody closes the socket before its last answer is read."""
    body = b"x" * 900_000
    async with server(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + framing + b"\r\n" + body
    ) as port:
        answer = await StandardHttpClient().send("GET", f"http://127.0.0.1:{port}/")
    assert answer.body == body


async def test_silence_ends_in_time() -> None:
    """A server that says nothing is unreachable after the timeout."""
    async with server(b"", hang=True) as port:
        with pytest.raises(Unreachable, match="no answer in time"):
            await StandardHttpClient(timeout=0.2).send("GET", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9"])
async def test_what_is_not_http_is_unreachable(raw: bytes) -> None:
    """Garbage has the same ending as silence: a sentence."""
    async with server(raw) as port:
        with pytest.raises(Unreachable):
            await StandardHttpClient().send("GET", f"http://127.0.0.1:{port}/")


BAD_URLS = ["ftp://x/", "127.0.0.1:8000", "", "http://", "http://h:99999/", "http://[::1/"]


@pytest.mark.parametrize("url", BAD_URLS)
async def test_a_bad_address_is_a_usage_error(url: str) -> None:
    """What is no http address is told to the user as such."""
    with pytest.raises(UsageError, match="is not an http or https address"):
        await StandardHttpClient().send("GET", url)


async def test_a_password_in_the_address_is_not_repeated() -> None:
    """The error names host and port only."""
    port = free_ports(1)[0]
    with pytest.raises(Unreachable) as caught:
        await StandardHttpClient().send("GET", f"http://user:hunter2@127.0.0.1:{port}/")
    assert "hunter2" not in caught.value.message


async def test_an_answer_in_drops_ends_at_the_deadline() -> None:
    """A byte now and then does not start the time again."""
    async with dripping() as port:
        with pytest.raises(Unreachable, match="no answer in time"):
            await StandardHttpClient(timeout=0.3).send("GET", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/?apikey=hunter2 hunter2", {}),
        ("/", {"apikey": "hunter2\nx"}),
        ("/", {"apikey": "hunter2-\u2713"}),
    ],
)
async def test_what_cannot_be_sent_is_not_repeated(path: str, headers: dict[str, str]) -> None:
    """A key with a line feed in it is a common fault of env files."""
    async with server(b"") as port:
        with pytest.raises(Unreachable) as caught:
            await StandardHttpClient().send(
                "GET", f"http://127.0.0.1:{port}{path}", headers=headers
            )
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_a_proxy_is_used_when_given_and_never_for_loopback() -> None:
    """Plain HTTP is asked for by its whole address."""
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        proxied = StandardHttpClient(proxy=f"http://127.0.0.1:{port}")
        assert (await proxied.send("GET", "http://nowhere.invalid/x")).status == 200
        dead = free_ports(1)[0]
        with pytest.raises(Unreachable, match="refused"):
            await proxied.send("GET", f"http://127.0.0.1:{dead}/")


async def test_https_goes_through_a_tunnel_and_a_refusal_is_told() -> None:
    """The proxy sees the host and nothing of the request."""
    async with server(b"HTTP/1.1 403 Forbidden\r\n\r\n") as port:
        proxied = StandardHttpClient(proxy=f"http://127.0.0.1:{port}")
        with pytest.raises(Unreachable, match="did not answer GET"):
            await proxied.send("GET", "https://nowhere.invalid/x")


@pytest.mark.parametrize("url", ["socks5://h:1", "http://user:hunter2@h:1", "https://h"])
def test_a_proxy_that_cannot_be_used_is_refused(url: str) -> None:
    """Nothing is silently sent around it."""
    with pytest.raises(UsageError) as caught:
        StandardHttpClient(proxy=url)
    assert "hunter2" not in caught.value.message


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY belongs to other programs."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_ports(1)[0]}")
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        assert (await StandardHttpClient().send("GET", f"http://127.0.0.1:{port}/")).status == 200


async def test_the_readiness_probe_believes_only_2xx() -> None:
    """Other statuses, garbage and nobody are all "not yet"."""
    for raw, ready in ((b"HTTP/1.1 204 No\r\n\r\n", True), (b"HTTP/1.1 503 No\r\n\r\n", False)):
        async with server(raw) as port:
            assert await answers_ok(port, "/health") is ready
    async with server(b"garbage") as port:
        assert await answers_ok(port, "/health") is False
    assert await answers_ok(free_ports(1)[0], "/health") is False


async def test_a_taken_port_is_seen_even_when_it_would_be_shared() -> None:
    """Envoy's SO_REUSEPORT would let two gateways share a port in silence; we look first."""
    import socket

    with socket.socket() as envoy:
        envoy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        envoy.bind(("127.0.0.1", 0))
        envoy.listen()
        port = envoy.getsockname()[1]
        assert why_not_free("127.0.0.1", port) == "Address already in use"
    assert why_not_free("127.0.0.1", port) is None
    assert why_not_free("192.0.2.1", 0) is not None
