"""Live updates: a part of a page, sent again as server-sent events whenever it reads otherwise.

A page holds ``<div data-live="/live/NAME">`` around the same fragment that the stream renders;
``static/live.js`` puts what arrives in its place. Without JavaScript the page is as it was loaded.

A stream is no sign of a person: it renews no cookie and ends when the cookie that opened it would
have expired, when the session is closed, and when Keyturn stops. Source of the format: WHATWG HTML
§9.2, "Server-sent events".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from keyturn.console.errors import NotSignedIn, TooManyStreams
from keyturn.console.services import Reception, Services
from keyturn.console.sessions import IDLE, Session
from keyturn.console.visit import COOKIE, Endpoint, Guest, S
from keyturn.errors import KeyturnError


class Last(str):
    """A fragment after which nothing changes any more: the stream ends, the page asks no more."""

    __slots__ = ()


FragmentOf = Callable[[Guest[S]], Awaitable[str]]
Fragment = FragmentOf[Services]

_BEAT: Final = 15.0
_RETRY_MS: Final = 3000
_BEGIN: Final = f"retry: {_RETRY_MS}\n\n".encode()
_HEARTBEAT: Final = b": still here\n\n"
_DONE: Final = b"event: done\ndata: all\n\n"
_ENDED: Final = b"event: ended\ndata: session\n\n"


def live(services: S, fragment: FragmentOf[S]) -> Endpoint:
    """Return ``GET /live/NAME``: ``fragment`` as HTML now, and again whenever it has changed.

    Raises ``NotSignedIn`` (401) and :class:`TooManyStreams` (503) before the stream begins.
    """

    async def endpoint(request: Request) -> Response:
        session = services.sessions.read(request.cookies.get(COOKIE))
        if services.streams.full(session.id):
            raise TooManyStreams

        async def look() -> str:
            return await fragment(Guest(request, services, session, services.clock()))

        return _Stream(services, session, look)

    return endpoint


def event(html: str) -> bytes:
    """Return one message; each line of ``html`` is a ``data`` field, as the format wants it."""
    return "".join(f"data: {line}\n" for line in html.splitlines() or [""]).encode() + b"\n"


class _Stream(Response):
    """Sends until the client leaves, the session is over, or the server stops."""

    media_type = "text/event-stream"

    def __init__(
        self, services: Reception, session: Session, look: Callable[[], Awaitable[str]]
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._services, self._session = services, session
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold one of the few places while the stream lasts."""
        del scope
        with self._services.streams.place(self._session.id):
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            sending = asyncio.ensure_future(self._send_all(send))
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, leaving):
                    task.cancel()
                done = await asyncio.gather(sending, leaving, return_exceptions=True)
        if isinstance(done[0], Exception):
            raise done[0]

    async def _send_all(self, send: Send) -> None:
        body = {"type": "http.response.body", "more_body": True}
        async for part in self._parts():
            await send({**body, "body": part})
        await send({**body, "body": b"", "more_body": False})

    async def _parts(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        streams, shown, spoke = self._services.streams, None, loop.time()
        yield _BEGIN
        while not streams.closing.is_set():
            if not self._lasts():
                yield _ENDED
                return
            # What cannot be read now is read at the next look; the page keeps what it shows.
            with suppress(KeyturnError):
                html = await self._look()
                if html != shown:
                    shown, spoke = html, loop.time()
                    yield event(html)
                if isinstance(html, Last):
                    yield _DONE
                    return
            if loop.time() - spoke >= _BEAT:
                spoke = loop.time()
                yield _HEARTBEAT
            with suppress(TimeoutError):
                await asyncio.wait_for(streams.closing.wait(), streams.every)

    def _lasts(self) -> bool:
        """Whether the session of the request would still be let in, with that very cookie."""
        if self._services.clock() >= min(self._session.seen + IDLE, self._session.ends):
            return False
        try:
            self._services.sessions.still(self._session)
        except NotSignedIn:
            return False
        return True


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
