"""Rate limits in PostgreSQL: one statement, right across workers and replicas (migration 0044)."""

from __future__ import annotations

from typing import Final

from keyturn.accounts.limits import Rate
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load

_TAKE: Final = load("keyturn.adapters.postgres", "guards/take_token")


class PostgresRateLimiter:
    """Implements :class:`keyturn.flows.ports.guards.RateLimiter`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool

    async def take(self, bucket: str, key: str, rate: Rate) -> bool:
        """Take one token."""
        taken: bool = await self._pool.fetchval(
            _TAKE, bucket, key, rate.per_second, float(rate.burst)
        )
        return taken
