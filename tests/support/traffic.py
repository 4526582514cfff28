"""Requests at a steady rate, each with a user's token, and a record of every answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import httptools
from tests.support.stack import Stack

PATHS = ("/rest/v1/notes?select=id&limit=1", "/auth/v1/user")


@dataclass
class Traffic:
    """What was sent and what came back."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """Answers of any status."""
        return self.statuses.total()


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self, idle: asyncio.Queue[_Connection], record: Traffic) -> None:
        self._idle, self._record = idle, record
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._busy = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._idle.put_nowait(self)

    def send(self, path: str, token: str, apikey: str) -> None:
        """Send one GET; the connection is idle again when its answer is complete."""
        self._busy, self._body = path, b""
        self._record.sent += 1
        self.transport.write(
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\napikey: {apikey}\r\n"
            f"authorization: Bearer {token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._record.statuses[status] += 1
        if status != 200:
            self._record.failures.append(f"{self._busy}: {status} {self._body[:200]!r}")
        self._busy = ""
        self._parser = httptools.HttpResponseParser(self)
        self._idle.put_nowait(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._busy:
            self._record.failures.append(f"{self._busy}: connection lost {error}")


async def steady(
    stack: Stack, tokens: list[str], *, rate: int, stop: asyncio.Event, record: Traffic
) -> None:
    """Send ``rate`` requests per second until ``stop``, alternating between REST and Auth.

    ``tokens`` is read anew for each request, so that a caller may refresh them in place. Any status
    but 200 is a failure, and so is a request without an answer. Late requests are caught up with.
    """
    loop = asyncio.get_running_loop()
    idle: asyncio.Queue[_Connection] = asyncio.Queue()
    connections = []
    for _ in range(32):
        _, connection = await loop.create_connection(
            lambda: _Connection(idle, record), "127.0.0.1", stack.port
        )
        connections.append(connection)
    apikey = str(stack.info["publishable_key"])
    started = loop.time()
    while not stop.is_set():
        turn = record.sent
        (await idle.get()).send(PATHS[turn % len(PATHS)], tokens[turn % len(tokens)], apikey)
        await asyncio.sleep(max(0.0, started + record.sent / rate - loop.time()))
    for _ in connections:
        async with asyncio.timeout(20):
            await idle.get()
    for connection in connections:
        connection.transport.close()
