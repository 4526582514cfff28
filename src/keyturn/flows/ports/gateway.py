"""What publishing to the gateway needs from the outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from keyturn.gateway.snapshot import Snapshot


class GatewayPublisher(Protocol):
    """Puts a snapshot where the running gateway picks it up."""

    async def publish(self, snapshot: Snapshot) -> None:
        """Replace what the gateway knows; readers see the old state or the new one, no mixture."""


class KeyUsage(Protocol):
    """Tells which API keys were used since it was asked last."""

    async def collect(self) -> Mapping[str, datetime]:
        """Return key id → time of its latest request (aware, UTC); empty when nothing was seen."""
