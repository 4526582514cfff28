"""A local service: one application on a loopback port, stopped and started as containers are."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, Final

import uvicorn

from keyturn.wiring.listening import listen
from keyturn.wiring.quiet_server import QuietServer

_START_SECONDS: Final = 10.0
_NO_HANDSHAKE: Final = "ASGI callable returned without completing handshake."
"""What uvicorn's sans-I/O protocol logs also after a handshake was refused as ASGI says it."""
logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != _NO_HANDSHAKE)
_POLL: Final = 0.005


class LocalServer:
    """One service; its port stays the same while nobody else takes it."""

    def __init__(self) -> None:
        self._port = 0
        self._server: QuietServer | None = None
        self._task: asyncio.Task[None] | None = None
        self._app: Any = None

    @property
    def address(self) -> str:
        """The base URL; nobody listens there before the first start, and while it is stopped."""
        return f"http://127.0.0.1:{self._port or 9}"

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._server is not None

    def swap(self, app: Any) -> None:
        """Let another application answer from the next request on, without any interruption."""
        self._app = app

    async def start(self, app: Any) -> None:
        """Serve ``app``; returns when it answers."""
        await self.stop()
        self._app = app
        listening = _bound(self._port)
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._answer,
            http="httptools",
            ws="websockets-sansio",
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        server = self._server = QuietServer(config)
        self._task = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(_START_SECONDS):
            # uvicorn has no event for it.
            while not server.started and not self._task.done():  # noqa: ASYNC110
                await asyncio.sleep(_POLL)

    async def stop(self) -> None:
        """Refuse new connections, let requests in flight finish, close sockets."""
        server, task = self._server, self._task
        self._server = self._task = None
        if server is None or task is None:
            return
        server.should_exit = True
        await task

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


def _bound(port: int) -> socket.socket:
    """Return a listening socket on ``port``, on another one when it was taken meanwhile."""
    for wanted in dict.fromkeys((port, 0)):
        try:
            return listen("127.0.0.1", wanted, backlog=512)
        except OSError:
            if not wanted:
                raise
    raise OSError("no loopback port is free")
