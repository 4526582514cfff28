"""uvicorn's HTTP/1.1 protocol with two limits that it lacks: header bytes and header time.

httptools refuses the shapes of request smuggling, but it collects headers without end, and a
connection that sends nothing, or a byte a minute, would be kept for ever.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keyturn.authserver.whole import WholeAnswer

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

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
    _idle_since: float | None = None
    """Since when nothing was asked (loop time); None while something is."""
    _idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request no longer than for a next one."""
        super().connection_made(transport)
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then see whether it is still inside the headers."""
        self._idle_since = None
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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin the work of one request, whose answer leaves in one piece."""
        whole = WholeAnswer(cycle, self.flow)
        super()._start_asgi_task(cycle, lambda scope, receive, _: app(scope, receive, whole))

    def on_response_complete(self) -> None:
        """Go on with what was pipelined, or wait: one timer per connection, not per request."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._wait_for_request()

    def _wait_for_request(self) -> None:
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._look_again_in(self.timeout_keep_alive)

    def _look_again_in(self, seconds: float) -> None:
        self._idle_timer = self.loop.call_later(seconds, self._end_if_idle)

    def _end_if_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return  # the answer to what has come begins it anew
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_in(left)
        else:
            self.timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clocks."""
        for timer in (self._timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._idle_timer = None
        super().connection_lost(exc)
