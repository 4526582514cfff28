"""What sleeps in PostgreSQL at this moment, seen and ended over another connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyturn.adapters.postgres.pool import Pool

if TYPE_CHECKING:
    from tests.conftest import Eventually

_SLEEPS = "select exists (select from pg_stat_activity where wait_event = 'PgSleep')"
SLEEP = "select pg_sleep(60)"


@dataclass
class Sleeper:
    """Waits for the beginning and the end of :data:`SLEEP`."""

    watcher: Pool
    eventually: Eventually

    async def sleeps(self) -> None:
        """Wait until some connection sleeps."""
        await self.eventually(self._asleep)

    async def sleeps_no_more(self) -> None:
        """Wait until no connection sleeps."""
        await self.eventually(self._awake)

    async def kill(self, application_name: str) -> None:
        """End the connections of this name on the server."""
        end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1"
        await self.watcher.fetchval(end, application_name)

    async def _asleep(self) -> bool:
        return bool(await self.watcher.fetchval(_SLEEPS))

    async def _awake(self) -> bool:
        return not await self._asleep()
