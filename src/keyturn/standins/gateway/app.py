"""The proxy itself: it decides by :mod:`keyturn.standins.gateway.rules` and passes requests on.

It is not Keyturn's gateway, which is Envoy. It stands for the *user's* gateway, whose files and
environment the profiles know how to read, so that a rehearsal sees what their clients would see.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from keyturn.deploy.inventory import Kind
from keyturn.errors import Unreachable
from keyturn.flows.ports.http import HttpClient
from keyturn.flows.ports.rehearsal import HandshakeRefused, Socket, SocketClosed, Sockets
from keyturn.profiles.request import Credential, Request
from keyturn.standins.gateway import rules
from keyturn.standins.gateway.routes import Way, way
from keyturn.standins.reasons import because

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OWN: Final = frozenset(
    {"host", "connection", "authorization", "apikey", "x-api-key", "sb-api-key", "content-length",
     "transfer-encoding", "keep-alive", "upgrade"}
)  # fmt: skip
"""Headers that the gateway writes itself, or that belong to one connection."""
_RESTARTS: Final = 1012
"""Close code of a service that goes away to come back (RFC 6455 registry)."""


class GatewayApp:
    """One gateway with its configuration; ``address`` gives a service's base URL."""

    def __init__(
        self,
        config: rules.Config | None,
        address: Callable[[Kind], str | None],
        http: HttpClient,
        sockets: Sockets,
    ) -> None:
        self._config, self._address = config, address
        self._http, self._sockets = http, sockets

    def asgi(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                WebSocketRoute("/{path:path}", self._socket),
                Route("/{path:path}", self._answer, methods=_METHODS),
            ]
        )

    async def _answer(self, request: HttpRequest) -> Response:
        path = request.url.path
        found = way(path)
        base = self._address(found.kind) if found else None
        if found is None or base is None:
            return _response(rules.not_found(self._config))
        credential = _credential(request.headers)
        decided = rules.decide(self._config, found, path, credential, websocket=False)
        if isinstance(decided, rules.Reply):
            return _response(decided)
        query = f"?{request.url.query}" if request.url.query else ""
        try:
            answer = await self._http.send(
                request.method,
                f"{base}{found.path}{query}",
                headers=_headers(request.headers, decided),
                body=await request.body(),
            )
        except Unreachable:
            return _response(rules.unavailable(self._config))
        kept = {name: value for name, value in answer.headers.items() if name not in _OWN}
        return Response(answer.body, answer.status, kept)

    async def _socket(self, websocket: WebSocket) -> None:
        path = websocket.url.path
        found = way(path)
        base = self._address(found.kind) if found else None
        if found is None or base is None:
            await websocket.send_denial_response(_response(rules.not_found(self._config)))
            return
        apikey = websocket.query_params.get("apikey") or websocket.headers.get("apikey")
        decided = rules.decide(
            self._config, found, path, Credential(None, apikey, None), websocket=True
        )
        if isinstance(decided, rules.Reply):
            await websocket.send_denial_response(_response(decided))
            return
        await self._relay(websocket, found, base, decided)

    async def _relay(self, websocket: WebSocket, found: Way, base: str, decided: Request) -> None:
        headers = {"x-api-key": decided.x_api_key} if decided.x_api_key is not None else {}
        query = urlencode({"apikey": decided.apikey or "", "vsn": "1.0.0"})
        url = f"ws{base.removeprefix('http')}{found.path}?{query}"
        try:
            inner = await self._sockets.open(url, headers)
        except HandshakeRefused as refused:
            kept = {name: value for name, value in refused.headers.items() if name not in _OWN}
            await websocket.send_denial_response(Response(refused.body, refused.status, kept))
            return
        except Unreachable:
            await websocket.send_denial_response(_response(rules.unavailable(self._config)))
            return
        await websocket.accept()
        await _pump(websocket, inner)


async def _pump(outer: WebSocket, inner: Socket) -> None:
    """Carry messages both ways until either side closes."""

    async def inwards() -> None:
        with contextlib.suppress(WebSocketDisconnect, SocketClosed):
            while True:
                await inner.send(await outer.receive_text())

    async def outwards() -> None:
        with contextlib.suppress(SocketClosed, WebSocketDisconnect, RuntimeError):
            while True:
                await outer.send_text(await inner.receive())

    ways = [asyncio.create_task(inwards()), asyncio.create_task(outwards())]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in ways:
            one.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await inner.close()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it is closed already
            await outer.close(_RESTARTS)


def _credential(headers: Mapping[str, str]) -> Credential:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token if scheme.lower() == "bearer" else None
    return Credential(None, headers.get("apikey"), bearer)


def _headers(sent: Mapping[str, str], decided: Request) -> dict[str, str]:
    """Return what the service gets; another scheme than Bearer passes untouched (SigV4)."""
    headers = {name: value for name, value in sent.items() if name not in _OWN}
    given = sent.get("authorization")
    foreign = given if given and not given.lower().startswith("bearer ") else None
    named = {
        "authorization": decided.authorization or foreign,
        "apikey": decided.apikey,
        "x-api-key": decided.x_api_key,
        "sb-api-key": decided.sb_api_key,
    }
    return headers | {name: value for name, value in named.items() if value is not None}


def _response(reply: rules.Reply) -> Response:
    return Response(reply.body, reply.status, because(reply.why), reply.content_type)
