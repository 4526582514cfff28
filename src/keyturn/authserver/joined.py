"""A transport that sends the head of an answer together with its body.

uvicorn writes them one after the other, and uvloop hands each write to the kernel at once: two
system calls, two packets and two awakenings of the reader where one would do.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

_HEAD: Final = b"HTTP/1.1 "


class JoinedWrites(asyncio.Transport):
    """Keeps what begins an answer until the next write, or until the event loop's next turn."""

    def __init__(self, raw: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """``raw`` is the transport that everything goes to in the end."""
        super().__init__()
        self._raw, self._loop = raw, loop
        self._head = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data`` after what was kept, or keep it when it is the head of an answer."""
        if self._head:
            head, self._head = self._head, b""
            self._raw.write(head + bytes(data))
        elif bytes(data[:9]) == _HEAD:
            self._head = bytes(data)
            self._loop.call_soon(self._flush)
        else:
            self._raw.write(data)

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._raw.write(head)

    def close(self) -> None:
        """Send what was kept, then close."""
        self._flush()
        self._raw.close()

    def abort(self) -> None:
        """Close at once; what was kept is lost, as with any transport."""
        self._head = b""
        self._raw.abort()

    def is_closing(self) -> bool:
        """Whether it closes or is closed."""
        return self._raw.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport below knows."""
        return self._raw.get_extra_info(name, default)

    def is_reading(self) -> bool:
        """Whether it reads."""
        return self._raw.is_reading()

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._raw.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Return the number of bytes that were not sent yet."""
        return self._raw.get_write_buffer_size() + len(self._head)
