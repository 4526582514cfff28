"""The fetcher against endpoints that are slow, dead, rude or hostile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from tests.verifier.issuer import HOST, Gate, Issuer

from keyturn.adapters.jwks_fetch import FetchFailed, JwksFetcher
from keyturn.errors import UsageError


def fetcher(issuer: Issuer, *, deadline: float = 2, max_bytes: int = 4096) -> JwksFetcher:
    """A fetcher for ``issuer``."""
    return JwksFetcher(issuer.url, deadline=deadline, max_bytes=max_bytes, allow_http_hosts={HOST})


def test_a_good_answer_arrives_whole(issuer: Issuer) -> None:
    issuer.headers |= {"etag": '"1"', "age": "7"}
    got = fetcher(issuer).fetch(None)
    assert got.body is not None
    assert b'"kid": "old"' in got.body
    assert (got.etag, got.cache_control, got.age) == ('"1"', "public, max-age=600", "7")
    sent = issuer.requests[0]
    assert sent["accept"] == "application/jwk-set+json, application/json"
    assert "keyturn" in sent["user-agent"]
    assert "if-none-match" not in sent


def test_an_unchanged_set_has_no_body(issuer: Issuer) -> None:
    issuer.headers["etag"] = '"1"'
    got = fetcher(issuer).fetch('"1"')
    assert (got.body, got.etag) == (None, '"1"')


@pytest.mark.parametrize("status", [204, 206, 301, 302, 304, 307, 308, 401, 404, 429, 500, 503])
def test_only_200_is_an_answer(issuer: Issuer, status: int) -> None:
    issuer.status = status
    issuer.headers["location"] = issuer.url.replace("jwks", "elsewhere")
    with pytest.raises(FetchFailed, match=str(status)):
        fetcher(issuer).fetch(None)
    assert issuer.asked == 1  # a redirect was not followed


def test_a_long_body_is_not_read_to_its_end(issuer: Issuer) -> None:
    issuer.body = b"x" * 5000
    with pytest.raises(FetchFailed, match="more than 4096 bytes"):
        fetcher(issuer).fetch(None)


def test_a_compressed_body_is_refused(issuer: Issuer) -> None:
    issuer.headers["content-encoding"] = "gzip"
    with pytest.raises(FetchFailed, match="compressed"):
        fetcher(issuer).fetch(None)


def test_a_body_that_ends_early_is_no_answer(issuer: Issuer) -> None:
    issuer.headers["content-length"] = "4000"
    with pytest.raises(FetchFailed):
        fetcher(issuer).fetch(None)


def test_a_slow_answer_ends_at_the_deadline(issuer: Issuer) -> None:
    gate = issuer.before = Gate()
    with within(1.5), pytest.raises(FetchFailed, match=r"within 0\.3 s"):
        fetcher(issuer, deadline=0.3).fetch(None)
    gate.open.set()


def test_an_answer_in_drops_ends_at_the_same_deadline(issuer: Issuer) -> None:
    stop = threading.Event()

    def drip(out: Any, body: bytes) -> None:
        for byte in body:
            if stop.wait(0.05):
                return
            out.write(bytes([byte]))

    issuer.write = drip
    with within(1.5), pytest.raises(FetchFailed, match=r"within 0\.3 s"):
        fetcher(issuer, deadline=0.3).fetch(None)
    stop.set()


def test_headers_in_drops_end_at_the_same_deadline() -> None:
    def drip(connection: socket.socket, stop: threading.Event) -> None:
        while not stop.wait(0.05):
            connection.sendall(b"x")

    with listening(drip) as port, within(1.5), pytest.raises(FetchFailed, match=r"within 0\.3 s"):
        at(port, deadline=0.3).fetch(None)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 99])
def test_what_is_not_http_is_a_failed_fetch(answer: bytes) -> None:
    def say(connection: socket.socket, _stop: threading.Event) -> None:
        connection.sendall(answer)

    with listening(say) as port, pytest.raises(FetchFailed):
        at(port).fetch(None)


def test_a_dead_port_is_a_failed_fetch() -> None:
    with socket.socket() as held:
        held.bind((HOST, 0))
        with pytest.raises(FetchFailed, match="refused"):
            at(held.getsockname()[1]).fetch(None)


def test_plain_http_behind_an_https_address_is_a_failed_fetch(issuer: Issuer) -> None:
    secure = JwksFetcher(issuer.url.replace("http:", "https:"), deadline=1, max_bytes=4096)
    with pytest.raises(FetchFailed):
        secure.fetch(None)


def test_an_etag_that_could_break_a_header_is_not_kept(issuer: Issuer) -> None:
    issuer.headers["etag"] = '"' + "x" * 300 + '"'
    assert fetcher(issuer).fetch(None).etag is None


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/jwks",
        "http://localhost/jwks",
        "http://127.0.0.1.example.com/jwks",
        "file:///etc/passwd",
        "ftp://example.com/jwks",
        "//example.com/jwks",
        "example.com",
        "",
        "https://",
        "https://user:secret@example.com/jwks",
        "https://example.com/jwks#x",
        "https://example.com:99999/jwks",
        "https://example.com/jwks\r\nx: y",
        "https://example.com/j wks",
        "https://exämple.com/jwks",
    ],
)
def test_addresses_that_keys_may_not_come_from(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        JwksFetcher(url, deadline=1, max_bytes=1, allow_http_hosts={HOST})
    assert "secret" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize("url", ["http://auth:9999/jwks", "http://AUTH:9999/jwks"])
def test_an_allowed_host_may_speak_http(url: str) -> None:
    JwksFetcher(url, deadline=1, max_bytes=1, allow_http_hosts={"Auth"})


# --- servers below HTTP ---------------------------------------------------------------------------


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block ends within so many seconds."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@contextmanager
def listening(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """A port whose first visitor is served by ``serve``."""
    stop, server = threading.Event(), socket.create_server((HOST, 0))

    def one() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(4096)
            serve(connection, stop)

    thread = threading.Thread(target=one)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        server.close()


def at(port: int, *, deadline: float = 2) -> JwksFetcher:
    """A fetcher for a bare port."""
    url = f"http://{HOST}:{port}/jwks"
    return JwksFetcher(url, deadline=deadline, max_bytes=4096, allow_http_hosts={HOST})
