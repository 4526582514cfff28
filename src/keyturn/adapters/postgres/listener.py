"""LISTEN on a connection of its own that comes back after a crash and says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from keyturn.adapters.postgres.connection import CONNECT_SECONDS, GONE, Held, connect, unreachable
from keyturn.secret import Secret

Callback = Callable[[str], None]
"""Called with the payload in the event loop; with ``""`` once after every reconnection, because
what was notified meanwhile is lost. It must not raise and must not block."""

HEARTBEAT_SECONDS = 30.0
_PAUSES = (0.02, 0.05, 0.1, 0.25, 0.5)


class Subscription:
    """One callback on one channel; :meth:`stop` ends it."""

    def __init__(self, listener: Listener, channel: str, callback: Callback) -> None:
        """Made by :meth:`Listener.subscribe`."""
        self.channel = channel
        self.callback = callback
        self._listener = listener

    async def stop(self) -> None:
        """Call back no more."""
        await self._listener.forget(self)


class Listener:
    """All subscriptions of a pool, over one connection kept by one task."""

    def __init__(self, dsn: Secret, *, application_name: str) -> None:
        """``dsn`` may name a role without any rights: LISTEN needs none."""
        self._dsn = dsn
        self._application_name = application_name
        self._subscriptions: list[Subscription] = []
        self._held: Held | None = None
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def subscribe(self, channel: str, callback: Callback) -> Subscription:
        """Start to listen; on return, notifications sent from now on arrive.

        Raises ``DatabaseUnreachable`` when the database is away at this first moment; afterwards
        it is waited for without end.
        """
        subscription = Subscription(self, channel, callback)
        async with self._changing:
            try:
                if self._held is None and self._task is None:
                    self._held = await self._connected()
                if self._held is not None:
                    await self._listen(self._held, channel)
            except GONE as error:
                if self._task is None:
                    raise unreachable(error) from error
            self._subscriptions.append(subscription)
            if self._task is None:
                self._task = asyncio.create_task(self._keep(), name="keyturn-listen")
        return subscription

    async def forget(self, subscription: Subscription) -> None:
        """Remove ``subscription``; the channel stays listened to, which costs nothing."""
        with contextlib.suppress(ValueError):
            self._subscriptions.remove(subscription)

    async def close(self) -> None:
        """Stop listening and close the connection."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._held is not None:
            self._held.raw.terminate()
            self._held = None

    async def _connected(self) -> Held:
        held = await connect(
            self._dsn, application_name=self._application_name, timeout=CONNECT_SECONDS
        )
        self._lost.clear()
        held.raw.add_termination_listener(self._on_lost)
        return held

    async def _listen(self, held: Held, channel: str) -> None:
        await held.raw.add_listener(channel, self._on_notification)

    def _on_notification(self, _connection: Any, _pid: int, channel: str, payload: Any) -> None:
        for subscription in tuple(self._subscriptions):
            if subscription.channel == channel:
                subscription.callback(str(payload))

    def _on_lost(self, _connection: Any) -> None:
        self._lost.set()

    async def _keep(self) -> None:
        while True:
            await self._watch()
            if self._held is not None:
                self._held.raw.terminate()
                self._held = None
            await self._return()
            for subscription in tuple(self._subscriptions):
                subscription.callback("")

    async def _watch(self) -> None:
        """Return when the connection is lost, noticing a silent death by a heartbeat."""
        while self._held is not None and not self._held.raw.is_closed():
            try:
                await asyncio.wait_for(self._lost.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                if not await self._beats(self._held):
                    return
            else:
                return

    async def _beats(self, held: Held) -> bool:
        try:
            async with self._changing:
                await held.raw.execute("select 1", timeout=CONNECT_SECONDS)
        except (*GONE, TimeoutError):
            return False
        return True

    async def _return(self) -> None:
        attempt = 0
        while True:
            held: Held | None = None
            try:
                async with self._changing:
                    held = await self._connected()
                    for channel in {each.channel for each in self._subscriptions}:
                        await self._listen(held, channel)
                    self._held = held
                    return
            except (*GONE, TimeoutError):
                if held is not None:
                    held.raw.terminate()
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            attempt += 1
