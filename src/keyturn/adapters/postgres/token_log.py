"""Tokens signed by hand, in the append-only audit log."""

from __future__ import annotations

from typing import Final

from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.keyring.change import Intent
from keyturn.keyring.summary import KeySummary

_PACKAGE: Final = "keyturn.adapters.postgres"


class PostgresTokenLog:
    """Implements :class:`keyturn.flows.ports.token_log.TokenLog`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def record_mint(self, intent: Intent, key: KeySummary, ring_version: int) -> None:
        """Add one line; raises ``Unreachable``."""
        await self._pool.execute(
            load(_PACKAGE, "tokens/record_mint"),
            intent.now,
            intent.actor,
            key.kid,
            key.state.value,
            intent.reason,
            ring_version,
        )
