"""Serving an ASGI application on a socket that is already bound, until told to stop."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from typing import Any

import uvicorn

from keyturn.authserver.protocol import LimitedProtocol

# Longer than the gateway keeps an idle upstream connection, so that it is the one who closes.
KEEP_ALIVE_SECONDS = 75


async def serve(
    app: Any,
    listening: socket.socket,
    *,
    grace: timedelta,
    parent: int | None = None,
) -> None:
    """Serve ``app`` until SIGTERM, SIGINT, or the end of file of descriptor ``parent``.

    Requests in flight may finish for ``grace``; then they are cancelled.
    """
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(grace.total_seconds())),
    )
    server = uvicorn.Server(config)

    def orphaned() -> None:
        server.should_exit = True
        if parent is not None:
            asyncio.get_running_loop().remove_reader(parent)

    if parent is not None:
        asyncio.get_running_loop().add_reader(parent, orphaned)
    await server.serve(sockets=[listening])
