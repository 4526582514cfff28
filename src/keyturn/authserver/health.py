"""Is this process alive, and can it do its work?

``/health`` is GoTrue's and says only that the server answers. ``/health/live`` is for a supervisor:
restart me if this fails. ``/health/ready`` is for a load balancer: send me traffic only while the
database answers and a ring with a signing key is loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from keyturn import __version__
from keyturn.authserver import shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.errors import KeyturnError
from keyturn.flows.ports.ring import RingSource

NO_STORE: Final = (b"cache-control", b"no-store")
_ABOUT: Final = msgspec.json.encode(
    {
        "version": f"keyturn-{__version__}",
        "name": "GoTrue",
        "description": "Keyturn, a user registration and authentication API that speaks GoTrue's",
    }
)
_LIVE: Final = msgspec.json.encode({"status": "live"})

Ping = Callable[[], Awaitable[object]]
"""One harmless query; raises when the database does not answer."""


class Health:
    """Answers the three health endpoints."""

    def __init__(self, ping: Ping, ring: RingSource, timeout: timedelta) -> None:
        self._ping = ping
        self._ring = ring
        self._timeout = timeout.total_seconds()

    @declares(gives=shapes.ABOUT)
    async def about(self, exchange: Exchange) -> Reply:
        """``GET /health``: name and version."""
        del exchange
        return Reply(200, _ABOUT, (JSON, NO_STORE))

    @declares(gives=shapes.LIVE)
    async def live(self, exchange: Exchange) -> Reply:
        """``GET /health/live``: 200 as long as the event loop turns."""
        del exchange
        return Reply(200, _LIVE, (JSON, NO_STORE))

    @declares(gives={200: shapes.READY, 503: shapes.READY})
    async def ready(self, exchange: Exchange) -> Reply:
        """``GET /health/ready``: 200, or 503 with what is missing."""
        del exchange
        checks = {"database": await self._database(), "ring": self._keys()}
        good = all(result == "ok" for result in checks.values())
        body: Mapping[str, object] = {
            "status": "ready" if good else "not ready",
            "checks": checks,
        }
        return Reply(200 if good else 503, msgspec.json.encode(body), (JSON, NO_STORE))

    async def _database(self) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                await self._ping()
        except TimeoutError:
            return "no answer in time"
        except (KeyturnError, OSError):
            return "unreachable"
        return "ok"

    def _keys(self) -> str:
        try:
            self._ring.current().signing_key.verifying_key()
        except KeyturnError as problem:
            return problem.message
        return "ok"
