"""Answers of the consoles leave at once: nothing waits for an acknowledgement."""

from __future__ import annotations

import asyncio
import socket

import pytest

from keyturn.wiring.listening import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_small_writes_are_not_held_back(host: str) -> None:
    """The connection that asyncio hands out has TCP_NODELAY, whoever made its socket."""
    assert asyncio.run(_no_delay(host))


async def _no_delay(host: str) -> int:
    held: asyncio.Queue[int] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        accepted = writer.get_extra_info("socket")
        held.put_nowait(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = listen(host, 0)
    async with await asyncio.start_server(serve, sock=listening):
        _, writer = await asyncio.open_connection(host, listening.getsockname()[1])
        found = await held.get()
        writer.close()
        await writer.wait_closed()
    return found
