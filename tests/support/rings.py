"""A ring on a real database: stores that do not know of each other."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from tests.conftest import Database

from keyturn.adapters.postgres.apikey_store import PostgresApiKeyStore
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.sealing import Sealer
from keyturn.flows.keys import Bench, ensure
from keyturn.keyring.change import Intent
from keyturn.keyring.policy import RingPolicy
from keyturn.secret import Secret

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def forced(reason: str = "test") -> Intent:
    """Somebody who does not wait."""
    return Intent(NOW, "tester", reason, force=True)


class Rings:
    """Makes pools, stores and benches on one database, all with one master key."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.master = Secret(os.urandom(32))

    async def pool(self) -> Pool:
        """Open a pool of its own, as another process would."""
        return await self.database.pool()

    async def store(self, *masters: Secret) -> PostgresRingStore:
        """Return a store over a new pool."""
        return PostgresRingStore(await self.pool(), Sealer(masters or [self.master]))

    async def bench(self, **options: Any) -> Bench:
        """Return a bench over a filled ring."""
        pool = await self.pool()
        store = PostgresRingStore(pool, Sealer([self.master]))
        await ensure(store, now=NOW, entropy=os.urandom, **options)
        return Bench(store, RingPolicy(), os.urandom, PostgresApiKeyStore(pool))
