"""WebSockets: authenticated when they open, renewed by message, closed when the token ends.

Speaks plain ASGI messages, so a Starlette or FastAPI ``WebSocket`` fits as it is, and so does
:class:`AsgiSocket` around the three arguments of any ASGI application. Imports no framework.

A connection outlives the moment at which its token was checked. So the token is checked again at
its expiry and every few minutes before: then a key that was revoked closes its sockets, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from keyturn.adapters.system import now
from keyturn.clock import Clock
from keyturn.errors import KeyturnError, UsageError
from keyturn.integrations.bearer import RequestMalformed, TokenMissing
from keyturn.integrations.protocol import Claims, Message, Receive, Scope, Send, VerifiesTokens
from keyturn.integrations.socket_tokens import TokenSources, token_event
from keyturn.jose.errors import TokenRejected

UNAUTHENTICATED: Final = 4401  # private use (RFC 6455 §7.4.2), in the image of HTTP 401
POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1
TRY_AGAIN_LATER: Final = 1013  # IANA's registry of close codes
NORMAL: Final = 1000
INTERNAL_ERROR: Final = 1011
ANY_SOURCE: Final = TokenSources()
SHORTEST_PAUSE: Final = 1.0  # seconds; between two looks at a token that lives on its leeway


class SubjectChanged(KeyturnError):
    """The new token speaks for somebody else than the one that opened the connection."""

    code = "subject_changed"


# Why a connection was closed → with which code; anything else could not be decided just now.
CLOSE_CODES: Final[tuple[tuple[type[KeyturnError], int], ...]] = (
    (TokenMissing, UNAUTHENTICATED),
    (TokenRejected, UNAUTHENTICATED),
    (RequestMalformed, POLICY_VIOLATION),
    (SubjectChanged, POLICY_VIOLATION),
)

Sleep = Callable[[float], Awaitable[object]]


class Socket(Protocol):
    """A WebSocket that nobody has accepted yet, in ASGI terms; Starlette's is one."""

    @property
    def scope(self) -> Scope:
        """The connection scope."""
        ...

    async def receive(self) -> Message:
        """Return the next event from the client."""
        ...

    async def send(self, message: Any, /) -> None:
        """Send one event to the client."""
        ...


class AsgiSocket:
    """The three arguments of an ASGI application as a :class:`Socket`."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap what the server handed over; nothing may have been received yet."""
        self.scope = scope
        self._receive, self._send = receive, send

    async def receive(self) -> Message:
        """Return the next event from the client."""
        return await self._receive()

    async def send(self, message: Message, /) -> None:
        """Send one event to the client."""
        await self._send(message)


SocketT = TypeVar("SocketT", bound=Socket)


class SocketSession(Generic[SocketT]):
    """One authenticated connection; iterate it for the application's messages.

    Token events are taken out of the stream and renew the session. The iteration ends when the
    client goes away or offers a token that is refused.
    """

    def __init__(
        self, socket: SocketT, verifier: VerifiesTokens, token: str, claims: Claims
    ) -> None:
        """Made by :class:`SocketGuard` only: ``claims`` are those of ``token``, verified."""
        self.socket = socket
        self._verifier, self._token, self._claims = verifier, token, claims
        self._refused: KeyturnError | None = None
        self._changed = asyncio.Event()
        self._gone = False

    @property
    def claims(self) -> Claims:
        """The claims of the token that counts now; they change when it is renewed."""
        return self._claims

    @property
    def refused(self) -> KeyturnError | None:
        """Why the session is over, None while it is not (or when the client just left)."""
        return self._refused

    def __aiter__(self) -> SocketSession[SocketT]:
        """Iterate over messages, text or bytes as they were sent."""
        return self

    async def __anext__(self) -> str | bytes:
        """Return the next message of the application."""
        while self._refused is None and not self._gone:
            event = await self.socket.receive()
            if event["type"] == "websocket.disconnect":
                self._gone = True
                break
            text: str | None = event.get("text")
            if not await self._renewed_by(text):
                data: bytes = event.get("bytes") or b""
                return data if text is None else text
        raise StopAsyncIteration

    async def renew(self, token: str) -> None:
        """Go on with ``token``; raises what refuses it, after which the session is over."""
        try:
            claims = await self._verifier.verify(token)
            if claims.get("sub") != self._claims.get("sub"):
                raise SubjectChanged
        except KeyturnError as error:
            self._end(error)
            raise
        self._token, self._claims = token, claims
        self._changed.set()

    async def _renewed_by(self, text: str | None) -> bool:
        """Whether ``text`` was a token event; a refused one ends the session."""
        try:
            token = token_event(text)
            if token is None:
                return False
            await self.renew(token)
        except KeyturnError as error:
            self._end(error)
        return True

    def _end(self, error: KeyturnError) -> None:
        self._refused = self._refused or error
        self._changed.set()

    async def watch(self, clock: Clock, sleep: Sleep, recheck_seconds: float) -> None:
        """Return when the session is over because its token is; the verifier decides that."""
        while self._refused is None:
            self._changed.clear()
            pause = self._pause(clock, recheck_seconds)
            if await _within(self._changed.wait(), pause, sleep) is None:
                await self._check_again()

    def _pause(self, clock: Clock, recheck_seconds: float) -> float:
        expires = self._claims.get("exp")
        if not isinstance(expires, int | float):
            return recheck_seconds
        return min(recheck_seconds, max(SHORTEST_PAUSE, expires - clock().timestamp()))

    async def _check_again(self) -> None:
        token = self._token
        try:
            await self._verifier.verify(token)
        except KeyturnError as error:
            if token is self._token:  # else it was renewed meanwhile, and that is what counts
                self._end(error)


@dataclass(frozen=True, kw_only=True)
class SocketGuard:
    """How WebSockets are authenticated; one for an application, shared by its connections.

    ``spoken``: the application's own subprotocols. ``recheck_seconds``: how often a token is
    verified again while its connection lives. ``clock`` and ``sleep`` are for tests.
    """

    verifier: VerifiesTokens
    sources: TokenSources = ANY_SOURCE
    spoken: Sequence[str] = ()
    recheck_seconds: float = 300.0
    clock: Clock = now
    sleep: Sleep = asyncio.sleep

    def __post_init__(self) -> None:
        if self.recheck_seconds <= 0:
            raise UsageError(
                f"recheck_seconds is {self.recheck_seconds}, expected more than 0 seconds"
            )

    async def serve(
        self, socket: SocketT, handler: Callable[[SocketSession[SocketT]], Awaitable[None]]
    ) -> None:
        """Accept ``socket``, run ``handler`` while its token is good, and close.

        The handler is cancelled when the token ends: closed with 4401 and the stable code as
        reason. 1008 says that the client broke the protocol, 1013 that no keys could be had.
        Whatever the handler raises is raised on, after the socket was closed with 1011.
        """
        if (await socket.receive())["type"] != "websocket.connect":
            return
        accepted = self.sources.answer(socket.scope, self.spoken)
        await socket.send({"type": "websocket.accept", "subprotocol": accepted})
        try:
            token = await self._token(socket)
            if token is None:
                return
            claims = await self.verifier.verify(token)
        except KeyturnError as error:
            await _close(socket, _close_code(error), error.code)
            return
        await self._run(SocketSession(socket, self.verifier, token, claims), handler)

    async def _token(self, socket: Socket) -> str | None:
        """The token that the client presents; None when it went away instead."""
        token = self.sources.find(socket.scope)
        if token is not None:
            return token
        patience = self.sources.first_message_seconds
        if patience is None:
            raise TokenMissing
        event = await _within(socket.receive(), patience, self.sleep)
        if event is None:
            raise TokenMissing
        if event["type"] == "websocket.disconnect":
            return None
        token = token_event(event.get("text"))
        if token is None:
            raise TokenMissing
        return token

    async def _run(
        self,
        session: SocketSession[SocketT],
        handler: Callable[[SocketSession[SocketT]], Awaitable[None]],
    ) -> None:
        work = asyncio.ensure_future(handler(session))
        watch = asyncio.ensure_future(session.watch(self.clock, self.sleep, self.recheck_seconds))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failure = _failure(work) or _failure(watch)
            work.cancel()
            watch.cancel()
            await _close(session.socket, *_verdict(session.refused, failure))
            await asyncio.gather(work, watch, return_exceptions=True)
        if failure is not None and failure is not session.refused:
            raise failure


def _failure(task: asyncio.Future[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


def _verdict(refused: KeyturnError | None, failure: BaseException | None) -> tuple[int, str]:
    if refused is not None:
        return _close_code(refused), refused.code
    return (NORMAL, "") if failure is None else (INTERNAL_ERROR, "internal_error")


def _close_code(error: KeyturnError) -> int:
    return next((code for kind, code in CLOSE_CODES if isinstance(error, kind)), TRY_AGAIN_LATER)


async def _close(socket: Socket, code: int, reason: str) -> None:
    closing = socket.send({"type": "websocket.close", "code": code, "reason": reason})
    # A peer that is gone cannot be told; each server has its own error for that.
    await asyncio.gather(closing, return_exceptions=True)


_Answer = TypeVar("_Answer")


async def _within(awaited: Awaitable[_Answer], seconds: float, sleep: Sleep) -> _Answer | None:
    """Return what ``awaited`` yields (never None), or None when ``seconds`` pass first."""
    task, timer = asyncio.ensure_future(awaited), asyncio.ensure_future(sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        timer.cancel()
