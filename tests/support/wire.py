"""A relay in front of PostgreSQL that counts what a client and the database say to each other.

It counts on the wire, so nothing that a driver or a pool does on its own goes unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

_READY = b"Z"  # ReadyForQuery: the end of one round trip
_RUN = frozenset((b"E", b"Q"))  # Execute and Query: one statement, or one text of several


@dataclass
class Spoken:
    """What has gone over all connections so far."""

    url: str
    """The database's address through the relay."""
    statements: int = 0
    round_trips: int = 0


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[Spoken]:
    """Relay to the PostgreSQL at ``url`` (TCP, without TLS) and count."""
    parts = urlsplit(url)
    spoken = Spoken("")
    relays: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        relays.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            there, onward = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                await _relay(reader, writer, there, onward, spoken)
            finally:
                onward.close()
        writer.close()
        relays.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
    spoken.url = urlunsplit((parts.scheme, place, parts.path, "sslmode=disable", ""))
    try:
        yield spoken
    finally:
        server.close()
        for task in relays:
            task.cancel()
        await asyncio.gather(*relays)


async def _relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: asyncio.StreamReader,
    onward: asyncio.StreamWriter,
    spoken: Spoken,
) -> None:
    length = await reader.readexactly(4)  # the first message of a client has no type
    onward.write(length + await reader.readexactly(int.from_bytes(length) - 4))

    async def forth() -> None:
        async for kind in _passed_on(reader, onward):
            spoken.statements += kind in _RUN

    async def back() -> None:
        async for kind in _passed_on(there, writer):
            spoken.round_trips += kind == _READY

    ways = [asyncio.create_task(forth()), asyncio.create_task(back())]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _passed_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[bytes]:
    """Relay messages; yields the type of each before it goes on: a count is never late."""
    while True:
        head = await reader.readexactly(5)
        rest = await reader.readexactly(int.from_bytes(head[1:]) - 4)
        yield head[:1]
        writer.write(head + rest)
