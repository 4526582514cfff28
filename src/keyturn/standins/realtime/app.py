"""Realtime as far as a rehearsal needs it; every decision is :mod:`keyturn.profiles.realtime`'s.

``/socket/websocket``, ``/api/broadcast`` and ``/api/tenants/{id}/health``, from Realtime 2.129.8.
Left out: the back-off of 2 s before a refused handshake and of 5 s before a refused join.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from keyturn.clock import Clock
from keyturn.deploy.inventory import Kind
from keyturn.profiles import realtime
from keyturn.profiles.request import Request
from keyturn.profiles.verdict import Outcome, Verdict
from keyturn.standins.realtime.channels import Channels
from keyturn.standins.reasons import because

Doze = Callable[[float], Awaitable[None]]
"""Sleeps for seconds of the clock that the application was given."""
_PASSES = (Outcome.ACCEPTED, Outcome.OPEN, Outcome.UNKNOWN)


def realtime_app(config: realtime.Config, clock: Clock, doze: Doze) -> Starlette:
    """Return the application; a socket keeps the keys that it was opened with."""

    async def health(request: HttpRequest) -> Response:
        verdict = realtime.judge_admin(config, request.headers.get("authorization"), clock())
        if verdict.outcome not in _PASSES:
            return Response(status_code=403, headers=because(verdict.why))
        return JSONResponse({"data": {"healthy": True, "db_connected": True}})

    async def broadcast(request: HttpRequest) -> Response:
        given = request.headers
        asked = Request(Kind.REALTIME, given.get("authorization"), given.get("apikey"))
        verdict = realtime.judge(config, asked, clock())
        if verdict.outcome in _PASSES:
            return Response(status_code=202)
        headers = because(verdict.why)
        if verdict.status == 500:
            return Response("Internal Server Error", 500, headers)
        return JSONResponse({"message": verdict.message}, verdict.status or 401, headers)

    async def socket(websocket: WebSocket) -> None:
        apikey = websocket.headers.get("x-api-key") or websocket.query_params.get("apikey")
        verdict = realtime.judge(
            config, Request(Kind.REALTIME, x_api_key=apikey or "", websocket=True), clock()
        )
        if verdict.outcome not in _PASSES:
            await websocket.send_denial_response(_refused(verdict))
            return
        await websocket.accept()
        await Channels(websocket, config, apikey or "", clock, doze).serve()

    return Starlette(
        routes=[
            Route("/api/tenants/{tenant}/health", health),
            Route("/api/broadcast", broadcast, methods=["POST"]),
            WebSocketRoute("/socket/websocket", socket),
        ]
    )


def _refused(verdict: Verdict) -> Response:
    return JSONResponse({"error": verdict.message}, verdict.status or 401, because(verdict.why))
