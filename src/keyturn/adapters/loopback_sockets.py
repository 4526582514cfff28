"""WebSockets to services on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.protocol import State

from keyturn.errors import Unreachable
from keyturn.flows.ports.rehearsal import HandshakeRefused, SocketClosed

_OPEN_SECONDS = 10.0


class LoopbackSockets:
    """The :class:`~keyturn.flows.ports.rehearsal.Sockets` for local services."""

    async def open(self, url: str, headers: Mapping[str, str] | None = None) -> LoopbackSocket:
        """Return an open socket; raises ``HandshakeRefused`` and ``Unreachable``."""
        try:
            # No pings: the keep-alive of a rehearsal is the client's own heartbeat.
            connection = await connect(
                url,
                additional_headers=dict(headers or {}),
                open_timeout=_OPEN_SECONDS,
                ping_interval=None,
                proxy=None,
                compression=None,
            )
        except InvalidStatus as refused:
            answer = refused.response
            named = {name.lower(): value for name, value in answer.headers.raw_items()}
            raise HandshakeRefused(answer.status_code, named, answer.body or b"") from None
        except (OSError, TimeoutError, InvalidMessage, EOFError) as problem:
            raise Unreachable(f"No socket was opened: {type(problem).__name__}.") from None
        return LoopbackSocket(connection)


class LoopbackSocket:
    """One open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @property
    def closed(self) -> bool:
        """Whether it is known to be closed."""
        return self._connection.state is not State.OPEN

    async def send(self, text: str) -> None:
        """Send one message; raises ``SocketClosed``."""
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            raise SocketClosed from None

    async def receive(self) -> str:
        """Return the next message; raises ``SocketClosed``."""
        try:
            message = await self._connection.recv()
        except ConnectionClosed:
            raise SocketClosed from None
        return message if isinstance(message, str) else message.decode("utf-8", "replace")

    async def close(self) -> None:
        """Close it."""
        await self._connection.close()
