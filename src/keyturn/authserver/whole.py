"""Sends an answer in one piece: one check of its head, one write.

uvicorn looks at every header with two regular expressions and writes head and body one after the
other; uvloop hands each write to the kernel at once, which wakes the reader twice. Most answers
are complete when they are sent, and those go out here; any other is left to uvicorn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent
    from uvicorn.protocols.http.flow_control import FlowControl
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_BODILESS: Final = frozenset({204, 304})
# RFC 9110 §5.5: what a field may not hold, the tab excepted. CR and LF would begin another.
_CONTROLS: Final = bytes(code for code in (*range(0x20), 0x7F) if code != 0x09)
_colon: Final = b": ".join


class WholeAnswer:
    """The ASGI ``send`` of one request, which keeps the head of the answer until its body comes."""

    __slots__ = ("_cycle", "_flow", "_start")

    def __init__(self, cycle: RequestResponseCycle, flow: FlowControl) -> None:
        """``cycle`` sends what is not one piece; ``flow`` is that of its connection."""
        self._cycle, self._flow = cycle, flow
        self._start: HTTPResponseStartEvent | None = None

    async def __call__(self, message: ASGISendEvent) -> None:
        """Take one ASGI message; raises ``RuntimeError`` for answers that break HTTP."""
        start = self._start
        if start is None:
            if message["type"] == "http.response.start" and not self._cycle.response_started:
                self._start = message
            else:
                await self._cycle.send(message)
            return
        self._start = None
        whole = None if self._flow.write_paused else self._whole(start, message)
        if whole is None:
            await self._cycle.send(start)
            await self._cycle.send(message)
        else:
            self._write(whole)

    def _whole(self, start: HTTPResponseStartEvent, message: ASGISendEvent) -> bytes | None:
        """Return the bytes of the answer, or None when it is not one that we are sure of."""
        if message["type"] != "http.response.body" or message.get("more_body", False):
            return None
        cycle, status, body = self._cycle, start["status"], message.get("body", b"")
        headers = [*cycle.default_headers, *start.get("headers", ())]
        named = dict(headers)
        declared = named.get(b"content-length")
        if b"transfer-encoding" in named:
            return None
        if cycle.scope["method"] == "HEAD":
            body = b""
        elif b"%d" % len(body) != declared and (body or declared or status not in _BODILESS):
            return None
        if b"close" in named.get(b"connection", b"").lower():
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            headers.append((b"connection", b"close"))
        head = b"\r\n".join(map(_colon, headers))
        if len(head.translate(None, _CONTROLS)) != len(head) - 2 * (len(headers) - 1):
            return None
        return b"%b%b\r\n\r\n%b" % (STATUS_LINE[status], head, body)

    def _write(self, whole: bytes) -> None:
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(whole)
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
