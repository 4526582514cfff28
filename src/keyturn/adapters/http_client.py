"""HTTP for commands that look at a deployment: standard library, bounded in time and size.

It follows no redirect (a JWKS must be where it says) and uses no proxy for loopback addresses.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from keyturn import __version__
from keyturn.errors import Unreachable, UsageError
from keyturn.flows.ports.http import HttpAnswer

_AGENT: Final = f"keyturn/{__version__}"


class StandardHttpClient:
    """The :class:`~keyturn.flows.ports.http.HttpClient` over ``http.client``."""

    def __init__(self, *, timeout: float = 10.0, max_bytes: int = 2 * 1024 * 1024) -> None:
        """``timeout`` seconds per network step; ``max_bytes`` of answer body."""
        self._timeout = timeout
        self._max_bytes = max_bytes

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Send one request in a thread and return the whole answer."""
        return await asyncio.to_thread(self._send, method, url, dict(headers or {}), body)

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> HttpAnswer:
        parts = _split(url)
        connection = self._connection(parts)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        started = time.perf_counter()
        try:
            connection.request(method, target, body, {"user-agent": _AGENT, **headers})
            answer = connection.getresponse()
            content = answer.read(self._max_bytes + 1)
            if answer.length and len(content) <= self._max_bytes:
                raise http.client.IncompleteRead(content, answer.length)
        except (OSError, http.client.HTTPException) as problem:
            raise Unreachable(
                f"{_origin(parts)} did not answer {method} {parts.path or '/'}: {_why(problem)}.",
                hint="Is the address right, and is the service running?",
            ) from problem
        finally:
            connection.close()
        if len(content) > self._max_bytes:
            raise Unreachable(
                f"{_origin(parts)}{parts.path} answered with more than {self._max_bytes} bytes."
            )
        received = {name.lower(): value for name, value in answer.getheaders()}
        return HttpAnswer(answer.status, received, content, time.perf_counter() - started)

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)


def _split(url: str) -> SplitResult:
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


def _origin(parts: SplitResult) -> str:
    # Never the user information of a URL: it may hold a password.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _why(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
