"""Fetches the JWKS for the console, and keeps those requests out of what the gateway counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from keyturn.adapters import system
from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.loopback_http import LoopbackHttpClient
from keyturn.console.fetches import without
from keyturn.flows.ports.http import HttpAnswer
from keyturn.gateway.traffic import WINDOW, Traffic

_SECONDS: Final = 5.0
_LARGEST: Final = 1 << 20
_MOST: Final = 2000


class Watched:
    """One per console."""

    def __init__(self, url: str, traffic: Callable[[], Awaitable[Traffic]]) -> None:
        """``url`` is the gateway's own JWKS; ``traffic`` reads its access log."""
        self._url = url
        self._traffic = traffic
        self._here = LoopbackHttpClient(timeout=_SECONDS)
        self._elsewhere = StandardHttpClient(timeout=_SECONDS, max_bytes=_LARGEST)
        self._own: deque[tuple[datetime, datetime]] = deque(maxlen=_MOST)

    async def fetch(self, url: str | None) -> HttpAnswer:
        """Ask at the gateway, or at ``url``; raises ``Unreachable``."""
        begun = system.now()
        try:
            if url is None:
                return await self._here.send("GET", self._url)
            return await self._elsewhere.send("GET", url)
        finally:
            self._own.append((begun, system.now()))

    async def traffic(self) -> Traffic:
        """Return the last hour without the console's own requests."""
        since = system.now() - WINDOW
        own = [times for times in self._own if times[1] >= since]
        return without(await self._traffic(), own)
