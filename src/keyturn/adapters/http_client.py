"""HTTP for commands that look at a deployment: standard library, bounded in time and size.

It follows no redirect (a JWKS must be where it says), reads no environment, and goes through a
proxy only when it is given one, never to a loopback address.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final, cast
from urllib.parse import SplitResult, urlsplit

from keyturn import __version__
from keyturn.adapters.steady_clock import steady
from keyturn.adapters.timed_line import Line, dial, left, reason, secured
from keyturn.errors import Unreachable, UsageError
from keyturn.flows.ports.http import HttpAnswer

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_AGENT: Final = f"keyturn/{__version__}"
_LONGEST_PROXY_HEAD: Final = 8192


class StandardHttpClient:
    """The :class:`~keyturn.flows.ports.http.HttpClient` over ``http.client``."""

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        max_bytes: int = 2 * 1024 * 1024,
        proxy: str | None = None,
    ) -> None:
        """``timeout`` seconds for a whole request; ``max_bytes`` of answer body.

        ``proxy`` is an ``http://`` address. Raises ``UsageError`` when it is not.
        """
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._proxy = _proxy(proxy) if proxy else None

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send one request in a thread and return the whole answer.

        Cancelling gives up waiting at once; the thread ends by its own deadline, and the process
        does not wait for it.
        """
        return await _in_thread(lambda: self._send(method, url, dict(headers or {}), body))

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> HttpAnswer:
        parts = split(url)
        started = time.perf_counter()
        try:
            status, received, content = self._exchange(method, parts, headers, body)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise Unreachable(
                f"{_origin(parts)} did not answer {method} {parts.path or '/'}: {reason(problem)}.",
                hint="Is the address right, and is the service running?",
            ) from None
        if len(content) > self._max_bytes:
            raise Unreachable(
                f"{_origin(parts)}{parts.path} answered with more than {self._max_bytes} bytes."
            )
        return HttpAnswer(status, received, content, time.perf_counter() - started)

    def _exchange(
        self, method: str, parts: SplitResult, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, dict[str, str], bytes]:
        until = steady() + self._timeout
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        connection.default_port = default_port(parts)
        connection.port = _port(parts)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if self._proxied(parts) and parts.scheme == "http":
            target = f"http://{parts.netloc.rpartition('@')[2]}{target}"
        with Line(self._connect(parts, until), until) as line:
            # All that http.client asks of it is sendall, makefile("rb") and close.
            connection.sock = cast(socket.socket, _Lent(line))
            connection.request(method, target, body, {"user-agent": _AGENT, **headers})
            answer = connection.getresponse()
            content = answer.read(self._max_bytes + 1)
            if answer.length and len(content) <= self._max_bytes:
                raise http.client.IncompleteRead(content, answer.length)
            return (
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                content,
            )

    def _connect(self, parts: SplitResult, until: float) -> socket.socket:
        host, port, secure = parts.hostname or "", _port(parts), parts.scheme == "https"
        if self._proxy is not None and self._proxied(parts):
            plain = dial(*self._proxy, until)
            if secure:
                _tunnel(plain, host, port, until)
        else:
            plain = dial(host, port, until)
        return secured(plain, host, self._trust, until) if secure else plain

    def _proxied(self, parts: SplitResult) -> bool:
        return self._proxy is not None and parts.hostname not in LOOPBACK

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _Lent:
    """A line whose end we decide: http.client closes a socket before its last answer is read."""

    def __init__(self, line: Line) -> None:
        self.sendall, self.makefile = line.sendall, line.makefile

    def close(self) -> None:
        """Leave it open."""


async def _in_thread(work: Callable[[], HttpAnswer]) -> HttpAnswer:
    """Run ``work`` in a daemon thread: unlike a pool's, it cannot hold up the end of a process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[HttpAnswer] = loop.create_future()

    def settle(answer: HttpAnswer | None, problem: BaseException | None) -> None:
        if future.done():
            return
        if answer is not None:
            future.set_result(answer)
        elif problem is not None:
            future.set_exception(problem)

    def run() -> None:
        answer: HttpAnswer | None = None
        problem: BaseException | None = None
        try:
            answer = work()
        except BaseException as raised:  # noqa: BLE001 - it is raised again, by the future
            problem = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, answer, problem)

    threading.Thread(target=run, name="keyturn-http", daemon=True).start()
    return await future


def split(url: str) -> SplitResult:
    """Return the parts of ``url``; raises ``UsageError`` unless it is http or https with a host."""
    try:
        parts = urlsplit(url)
        port_is_a_number = parts.port is None or parts.port >= 0
    except ValueError:
        parts, port_is_a_number = SplitResult("", "", "", "", ""), False
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_a_number:
        raise UsageError(
            f"{url.rpartition('@')[2]!r} is not an http or https address.",
            hint="Write it as http://127.0.0.1:8000 or https://api.example.com.",
        )
    return parts


def default_port(parts: SplitResult) -> int:
    """Return 443 for https, else 80."""
    return 443 if parts.scheme == "https" else 80


def _port(parts: SplitResult) -> int:
    return parts.port or default_port(parts)


def _proxy(url: str) -> tuple[str, int]:
    parts = split(url)
    if parts.scheme != "http" or "@" in parts.netloc:
        raise UsageError(
            "a proxy is an http:// address without user and password",
            hint="Write it as http://proxy.example.com:3128.",
        )
    return parts.hostname or "", _port(parts)


def _tunnel(plain: socket.socket, host: str, port: int, until: float) -> None:
    """Ask a proxy for a tunnel (RFC 9110 §9.3.6); byte by byte, for what follows is TLS."""
    name = f"[{host}]" if ":" in host else host
    head = bytearray()
    try:
        plain.settimeout(left(until))
        plain.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
        while not head.endswith(b"\r\n\r\n"):
            plain.settimeout(left(until))
            byte = plain.recv(1)
            if not byte or len(head) > _LONGEST_PROXY_HEAD:
                raise http.client.BadStatusLine("no answer of a proxy")
            head += byte
        words = head.split(None, 2)
        if len(words) < 2 or not words[1].startswith(b"2"):
            raise http.client.BadStatusLine("the proxy refused")
    except BaseException:
        plain.close()
        raise


def _origin(parts: SplitResult) -> str:
    # Never the user information of a URL: it may hold a password.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
