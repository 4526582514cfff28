"""How many live tokens each key carries, and what traffic was seen: counted now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from keyturn.errors import KeyturnError
from keyturn.flows.desk import Desk, census
from keyturn.gateway.traffic import Traffic
from keyturn.keyring.ring import KeyRing

TrafficReader = Callable[[], Awaitable[Traffic]]
_FRESH: Final = timedelta(seconds=10)


class Counts:
    """Answers from memory for ten seconds, so that pages that are live do not wear the database."""

    def __init__(self, desk: Desk | None = None, traffic: TrafficReader | None = None) -> None:
        """Without ``desk`` or ``traffic`` their counts are unknown: None."""
        self._desk = desk
        self._traffic = traffic
        self._kept: Mapping[str, int] | None = None
        self._of: tuple[int, datetime] | None = None

    async def live_tokens(self, ring: KeyRing, now: datetime) -> Mapping[str, int] | None:
        """Return kid → live tokens, as :func:`keyturn.flows.desk.census` estimates them.

        None when it cannot be known: the accounts are elsewhere, or the database is away.
        """
        if self._desk is None:
            return None
        known = self._of is not None and self._of[0] == ring.version
        if not known or self._of is None or not timedelta() <= now - self._of[1] < _FRESH:
            try:
                self._kept = await census(self._desk, ring, now)
            except KeyturnError:
                return None
            self._of = (ring.version, now)
        return self._kept

    async def traffic(self) -> Traffic | None:
        """Return the last hour of the gateway; None when there is no gateway of ours."""
        return None if self._traffic is None else await self._traffic()
