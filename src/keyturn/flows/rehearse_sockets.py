"""Open WebSockets: joined once, kept alive, told about newer tokens, opened again when closed.

The messages are realtime-js's: ``phx_join`` with the access token, ``access_token`` after a
refresh, a heartbeat. A channel that the server closes because of its token is a refusal; a socket
that is closed because the container was created anew is an interruption.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from keyturn.deploy.inventory import Kind
from keyturn.errors import Unreachable
from keyturn.flows.ports.rehearsal import HandshakeRefused, Socket, SocketClosed, why_in
from keyturn.flows.rehearse_caller import Caller, Keys
from keyturn.flows.rehearse_ledger import Act, Refusal
from keyturn.flows.rehearse_users import BUSY, User
from keyturn.flows.rehearse_wallet import Holder

_ANSWER_SECONDS: Final = 10.0
_AWAY: Final = (502, 503, 504)
_TOPIC: Final = "realtime:keyturn"
_HEARTBEAT: Final = 25.0
"""Seconds, realtime-js's; a newer token is handed over with it at the latest."""


class _Refused(Exception):
    """The server said no."""

    def __init__(self, status: int | None, message: str, why: str) -> None:
        super().__init__(message)
        self.status, self.message, self.why = status, message, why


@dataclass
class SocketClient:
    """One socket with one channel; ``user`` None: anonymous."""

    caller: Caller
    holder: Holder
    user: User | None = None
    _socket: Socket | None = None
    _token: str | None = None
    _apikey: str | None = None
    _number: int = 0

    @property
    def act(self) -> Act:
        """Return what it does."""
        who = "a signed-in user" if self.user else "an anonymous client"
        return Act(who, "listens on a socket", Kind.REALTIME)

    async def live(self) -> None:
        """Act until cancelled."""
        clock = self.caller.clock
        try:
            with clock.taking_part():
                while True:
                    if self.user is None or self.user.session is not None:
                        await self._turn()
                    await clock.pause(_HEARTBEAT, BUSY)
        finally:
            if self._socket is not None:
                await self._socket.close()

    async def _turn(self) -> None:
        try:
            async with self.caller.clock.request(), asyncio.timeout(_ANSWER_SECONDS):
                await self._keep()
        except _Refused as refused:
            await self._drop()
            words = Keys(self._apikey, self._wanted()).words
            self.caller.ledger.refused(
                Refusal(self.act, words, refused.status, None, refused.message, refused.why)
            )
        except (Unreachable, TimeoutError):
            await self._drop()
            self.caller.ledger.away(self.act, Keys(self._apikey, self._wanted()).words)
        else:
            self.caller.ledger.passed(self.act)

    async def _keep(self) -> None:
        if self._socket is None or self._socket.closed or self._apikey != self.holder.current:
            await self._drop()
            await self._open()
        elif self._wanted() != self._token:
            self._token = self._wanted()
            await self._send(_TOPIC, "access_token", {"access_token": self._token})
        await self._send("phoenix", "heartbeat", {})
        await self._reply()

    def _wanted(self) -> str | None:
        session = self.user.session if self.user else None
        return session.access if session else self._apikey

    async def _open(self) -> None:
        self._apikey = self.holder.current
        base = self.caller.stage.gateway.removeprefix("http")
        key = quote(self._apikey or "", safe="")
        url = f"ws{base}/realtime/v1/websocket?apikey={key}&vsn=1.0.0"
        try:
            self._socket = await self.caller.stage.sockets.open(url)
        except HandshakeRefused as refused:
            if refused.status in _AWAY:
                raise SocketClosed from None
            said = refused.body[:200].decode("utf-8", "replace")
            raise _Refused(refused.status, said, why_in(refused.headers) or said) from None
        self._token = self._wanted()
        await self._send(_TOPIC, "phx_join", {"access_token": self._token})
        reply = await self._reply()
        if reply.get("status") != "ok":
            answer = reply.get("response") or {}
            raise _Refused(None, str(answer.get("reason")), str(answer.get("why")))

    async def _send(self, topic: str, event: str, payload: object) -> None:
        self._number += 1
        message = {"topic": topic, "event": event, "payload": payload, "ref": str(self._number)}
        if self._socket is not None:
            await self._socket.send(json.dumps(message))

    async def _reply(self) -> Any:
        """Return the payload of the reply to what was sent last; raises for a closed channel."""
        while self._socket is not None:
            message = json.loads(await self._socket.receive())
            payload = message.get("payload") or {}
            if message.get("event") == "system" and payload.get("status") == "error":
                raise _Refused(None, str(payload.get("message")), str(payload.get("why")))
            if message.get("event") == "phx_reply" and message.get("ref") == str(self._number):
                return payload
        raise SocketClosed

    async def _drop(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
