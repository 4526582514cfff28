"""An answer leaves in one piece, and nothing that was to be sent stays behind."""

from __future__ import annotations

import asyncio

from keyturn.authserver.joined import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps every write by itself, as the kernel would get it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0


async def test_the_head_leaves_with_the_body() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())
    for body in (b"ok", b""):
        joined.write(HEAD)
        joined.write(body)
    await asyncio.sleep(0)
    assert wire.writes == [HEAD + b"ok", HEAD]


async def test_a_head_without_a_body_leaves_at_the_next_turn() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())
    joined.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert joined.get_write_buffer_size() == 25
    await asyncio.sleep(0)
    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]


async def test_closing_sends_what_was_kept() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    joined.close()
    await asyncio.sleep(0)
    assert wire.writes == [HEAD]
    assert joined.is_closing()


async def test_pieces_after_the_body_are_sent_at_once() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    joined.write(b"5\r\nfirst\r\n")
    joined.write(b"6\r\nsecond\r\n")
    assert wire.writes == [HEAD + b"5\r\nfirst\r\n", b"6\r\nsecond\r\n"]
