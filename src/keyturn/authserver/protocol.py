"""uvicorn's HTTP/1.1 protocol with two limits that it lacks: header bytes and header time.

httptools refuses the shapes of request smuggling, but it collects headers without end, and a
connection that sends nothing, or a byte a minute, would be kept for ever.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keyturn.authserver.joined import JoinedWrites

MAX_HEADER_BYTES: Final = 64 * 1024
HEADER_SECONDS: Final = 15.0

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class LimitedProtocol(HttpToolsProtocol):
    """Ends connections whose request line and headers are too large or too slow.

    The size is checked after each read, so headers may overshoot by one read of the socket.
    """

    _unfinished = True
    """No complete set of headers has come yet for the request that is being read."""
    _bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Send each answer in one piece."""
        super().connection_made(JoinedWrites(transport, self.loop))

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then see whether it is still inside the headers."""
        self._bytes += len(data)
        super().data_received(data)
        if not self._unfinished:
            return
        if self._bytes > MAX_HEADER_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        """Start to count: a request begins."""
        super().on_message_begin()
        self._unfinished = True

    def on_headers_complete(self) -> None:
        """Stop counting: what follows is the body, which the application bounds."""
        self._unfinished = False
        self._bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
