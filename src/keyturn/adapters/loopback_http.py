"""HTTP/1.1 to services on this machine, over connections that are kept: for many small requests.

Not for the world: no TLS, no proxy, no redirect. :class:`StandardHttpClient` is the one for that.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import httptools

from keyturn.adapters.steady_clock import steady
from keyturn.errors import Unreachable
from keyturn.flows.ports.http import HttpAnswer

_Address = tuple[str, int]


class LoopbackHttpClient:
    """The :class:`~keyturn.flows.ports.http.HttpClient` for local services."""

    def __init__(self, *, timeout: float = 20.0) -> None:
        """``timeout`` seconds for a whole request."""
        self._timeout = timeout
        self._idle: dict[_Address, list[_Line]] = defaultdict(list)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Return the answer; raises ``Unreachable`` when nobody listens or the line breaks."""
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = _head(method, target, parts.netloc, headers or {}, body or b"")
        started = steady()
        try:
            async with asyncio.timeout(self._timeout):
                line = await self._line(address)
                answer = await line.exchange(head + (body or b""), no_body=method == "HEAD")
        except (OSError, TimeoutError, httptools.HttpParserError) as problem:
            reason = type(problem).__name__
            raise Unreachable(f"{parts.netloc} did not answer: {reason}.") from None
        if line.reusable:
            self._idle[address].append(line)
        status, received, content = answer
        return HttpAnswer(status, received, content, steady() - started)

    async def _line(self, address: _Address) -> _Line:
        idle = self._idle[address]
        while idle:
            line = idle.pop()
            if line.reusable:
                return line
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Line, *address)
        return made

    async def close(self) -> None:
        """Close every idle connection."""
        for lines in self._idle.values():
            for line in lines:
                line.transport.close()
        self._idle.clear()


def _head(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name != "host"]
    if body or method not in ("GET", "HEAD"):
        lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class _Line(asyncio.Protocol):
    """One connection with at most one request on it."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None
        self._no_body = False
        self.reusable = True
        self._kept = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    async def exchange(self, request: bytes, *, no_body: bool) -> tuple[int, dict[str, str], bytes]:
        """Send one request and return status, headers and body of its answer."""
        self._headers, self._body, self._no_body = {}, [], no_body
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            await self._waiting
        except BaseException:
            self._end()
            raise
        finally:
            self._waiting = None
        status = self._parser.get_status_code()
        if not self._kept or no_body:
            self._end()
        self._parser = httptools.HttpResponseParser(self)
        return status, self._headers, b"".join(self._body)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            self._fail(ConnectionError(type(problem).__name__))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """An answer to HEAD ends here, whatever its length says."""
        if self._no_body:
            self.on_message_complete()

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Hand the answer over; only here does the parser know whether the line is kept."""
        self._kept = self._parser.should_keep_alive()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("closed"))

    def _fail(self, problem: Exception) -> None:
        self._end()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(
                problem if isinstance(problem, OSError) else ConnectionError(str(problem))
            )

    def _end(self) -> None:
        self.reusable = False
        self.transport.close()
