"""A closed-loop HTTP load: each connection sends its next request when the answer is complete.

Small on purpose (uvloop, one request per turn, no parser), so that the client takes as
little as possible of the cores that it shares with what it measures.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, cast

import uvloop

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Script(Protocol):
    """What one connection says: the next request, given the body of the last answer."""

    def next(self, body: bytes | None, /) -> bytes:
        """Return the bytes of the next request; ``body`` is None on the first turn."""


class Repeat:
    """The same request again and again."""

    def __init__(self, request: bytes) -> None:
        self._request = request

    def next(self, _body: bytes | None) -> bytes:
        """Return the one request."""
        return self._request


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of one HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Result:
    """Requests answered in ``seconds`` and their latencies (seconds)."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    failed: int = 0
    """Answers that were not 200."""

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """A latency in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class _Connection(asyncio.Protocol):
    """Reads answers by their Content-Length; servers that are measured here all send one."""

    def __init__(
        self, script: Script, result: Result, until: float, done: asyncio.Future[None]
    ) -> None:
        self._script, self._result, self._until, self._done = script, result, until, done
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._sent = time.perf_counter()
        self._transport.write(self._script.next(None))

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        head = data.find(b"\r\n\r\n")
        if head < 0 or len(data) < head + 4 + _length(data, head):
            self._buffer = data
            return
        self._buffer = b""
        now = time.perf_counter()
        self._result.latencies.append(now - self._sent)
        if data[9:12] != b"200":
            self._result.failed += 1
        if now < self._until:
            self._sent = now
            self._transport.write(self._script.next(data[head + 4 :]))
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


def _length(data: bytes, head: int) -> int:
    found = _LENGTH.search(data, 0, head)
    if found is None:
        raise SystemExit(f"an answer without Content-Length: {data[:200]!r}")
    return int(found[1])


def run(port: int, scripts: list[Script], seconds: float, *, warm_up: float = 0.5) -> Result:
    """Drive one connection per script for ``seconds`` after a short warm-up."""

    async def phase(duration: float) -> Result:
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        result, until = Result(duration), started + duration
        waits = []
        for script in scripts:
            done: asyncio.Future[None] = loop.create_future()
            make = partial(_Connection, script, result, until, done)
            await loop.create_connection(make, "127.0.0.1", port)
            waits.append(done)
        await asyncio.gather(*waits)
        result.seconds = time.perf_counter() - started
        return result

    async def both() -> Result:
        if warm_up:
            await phase(warm_up)
        return await phase(seconds)

    return uvloop.run(both())
