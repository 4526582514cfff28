"""A chat over WebSockets whose connections live exactly as long as their tokens.

Run it for the Supabase API at an address:

    python examples/websocket_app.py https://api.example.com

In a browser: `new WebSocket("ws://127.0.0.1:8014/echo", ["bearer", token])`, and, each time that
supabase-js has a new token, `socket.send(JSON.stringify({event: "access_token", payload:
{access_token: token}}))`.
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from keyturn import Verifier
from keyturn.integrations.websocket import SocketGuard, SocketSession


async def echo(session: SocketSession[WebSocket]) -> None:
    """Send every message back, with the name of whoever sent it."""
    async for message in session:
        await session.socket.send_text(f"{session.claims['sub']}: {message!s}")


def create_app(guard: SocketGuard) -> Starlette:
    """Return the application."""

    async def endpoint(websocket: WebSocket) -> None:
        await guard.serve(websocket, echo)

    return Starlette(routes=[WebSocketRoute("/echo", endpoint)])


if __name__ == "__main__":
    # Plain HTTP only to this machine, where `keyturn up` listens.
    verifier = Verifier.supabase(sys.argv[1], allow_http_hosts={"127.0.0.1"})
    guard = SocketGuard(verifier=verifier)
    uvicorn.run(create_app(guard), port=8014)
