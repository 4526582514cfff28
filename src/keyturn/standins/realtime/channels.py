"""The channels of one socket: Phoenix messages (vsn 1.0.0), and the token of each.

``phx_join`` brings a token, ``access_token`` a newer one; an opaque ``sb_`` key in either place
counts as none, and the socket's own API key is taken (``realtime_channel.ex``). A live channel
looks at its token again when it expires, at the latest after five minutes, and closes when the
token is not good any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from keyturn.clock import Clock, unix
from keyturn.deploy.inventory import Kind
from keyturn.profiles import realtime
from keyturn.profiles.request import Request
from keyturn.profiles.token import read, seconds
from keyturn.profiles.verdict import Outcome, Verdict

RECHECK_SECONDS: Final = 300
_PASSES: Final = (Outcome.ACCEPTED, Outcome.OPEN, Outcome.UNKNOWN)


class Channels:
    """One open socket."""

    def __init__(
        self,
        websocket: WebSocket,
        config: realtime.Config,
        apikey: str,
        clock: Clock,
        doze: Callable[[float], Awaitable[None]],
    ) -> None:
        self._websocket, self._config, self._apikey = websocket, config, apikey
        self._clock, self._doze = clock, doze
        self._watches: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Answer until the socket is closed."""
        try:
            while True:
                message = _parsed(await self._websocket.receive_text())
                if message is not None:
                    await self._answer(message)
        except WebSocketDisconnect:
            pass
        finally:
            for watch in self._watches.values():
                watch.cancel()

    async def _answer(self, message: Mapping[str, Any]) -> None:
        event, payload = message.get("event"), message.get("payload")
        given = payload if isinstance(payload, Mapping) else {}
        if event == "phx_join":
            await self._join(message, given)
        elif event == "access_token":
            await self._renew(message, given)
        elif event == "phx_leave":
            self._forget(str(message.get("topic")))
            await self._reply(message, "ok", {})
        elif event == "heartbeat":
            await self._reply(message, "ok", {})

    async def _join(self, message: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        verdict, token = self._judged(payload.get("access_token"))
        if verdict.outcome not in _PASSES:
            reason = {"reason": verdict.message, "why": verdict.why}
            await self._reply(message, "error", reason)
            return
        self._watch(str(message.get("topic")), token)
        await self._reply(message, "ok", {"postgres_changes": [], "role": verdict.role})

    async def _renew(self, message: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        given, topic = payload.get("access_token"), str(message.get("topic"))
        if not isinstance(given, str) or given.startswith("sb_"):
            return
        verdict, token = self._judged(given)
        if verdict.outcome in _PASSES:
            self._watch(topic, token)
        else:
            await self._end(topic, verdict)

    def _judged(self, given: object) -> tuple[Verdict, str]:
        opaque = not isinstance(given, str) or not given or given.startswith("sb_")
        token = self._apikey if opaque else str(given)
        asked = Request(Kind.REALTIME, f"Bearer {token}", x_api_key=token, websocket=True)
        verdict = realtime.judge(self._config, asked, self._clock())
        if verdict.outcome in _PASSES or opaque:
            return verdict, token
        # A join is refused in other words than a handshake.
        asked = Request(Kind.REALTIME, f"Bearer {token}", x_api_key=self._apikey, websocket=True)
        return realtime.judge(self._config, asked, self._clock()), token

    def _watch(self, topic: str, token: str) -> None:
        self._forget(topic)
        self._watches[topic] = asyncio.create_task(self._recheck(topic, token))

    def _forget(self, topic: str) -> None:
        watch = self._watches.pop(topic, None)
        if watch is not None:
            watch.cancel()

    async def _recheck(self, topic: str, token: str) -> None:
        while True:
            await self._doze(min(RECHECK_SECONDS, self._left(token)))
            verdict, _ = self._judged(token)
            if verdict.outcome not in _PASSES:
                self._watches.pop(topic, None)
                await self._end(topic, verdict)
                return

    def _left(self, token: str) -> float:
        seen = read(token)
        expiry = seconds(seen.claims, "exp") if seen and seen.claims else None
        return RECHECK_SECONDS if expiry is None else max(1.0, expiry - unix(self._clock()))

    async def _end(self, topic: str, verdict: Verdict) -> None:
        self._forget(topic)
        payload = {"status": "error", "message": verdict.message, "why": verdict.why}
        await self._send(topic, "system", {**payload, "extension": "system"}, None)
        await self._send(topic, "phx_close", {}, None)

    async def _reply(self, message: Mapping[str, Any], status: str, response: object) -> None:
        payload = {"status": status, "response": response}
        await self._send(str(message.get("topic")), "phx_reply", payload, message.get("ref"))

    async def _send(self, topic: str, event: str, payload: object, ref: object) -> None:
        text = json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref})
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it is closed already
            await self._websocket.send_text(text)


def _parsed(text: str) -> Mapping[str, Any] | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, Mapping) else None
