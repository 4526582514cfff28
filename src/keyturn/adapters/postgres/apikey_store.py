"""API keys in PostgreSQL; every change but ``last_used_at`` notifies ``keyturn_api_keys``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.apikeys.errors import DuplicateName
from keyturn.flows.ports.apikeys import ApiKeyRecord

CHANNEL: Final = "keyturn_api_keys"
_PACKAGE: Final = "keyturn.adapters.postgres"


class PostgresApiKeyStore:
    """Implements :class:`keyturn.flows.ports.apikeys.ApiKeyStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self) -> Sequence[ApiKeyRecord]:
        """Return all keys, revoked ones too, oldest first."""
        rows = await self._pool.fetch(load(_PACKAGE, "apikeys/list"))
        return tuple(ApiKeyRecord(**dict(row)) for row in rows)

    async def add(self, record: ApiKeyRecord, *, actor: str, reason: str | None) -> None:
        """Store ``record``; raises ``DuplicateName`` when an active key of its kind has it."""
        columns = (record.id, record.name, record.kind, record.role, record.hash, record.prefix)
        try:
            await self._pool.fetchval(
                load(_PACKAGE, "apikeys/add"),
                *columns,
                record.description,
                record.created_at,
                actor,
                reason,
            )
        except asyncpg.UniqueViolationError:
            raise DuplicateName(
                f"there is an active {record.kind} API key named {record.name} already"
            ) from None

    async def relabel(
        self,
        key_id: UUID,
        *,
        name: str,
        description: str | None,
        now: datetime,
        actor: str,
        reason: str | None,
    ) -> ApiKeyRecord | None:
        """Give an active key this name and description and return it; None when there is none."""
        try:
            done = await self._pool.fetchval(
                load(_PACKAGE, "apikeys/relabel"), key_id, name, description, now, actor, reason
            )
        except asyncpg.UniqueViolationError:
            raise DuplicateName(f"there is an active API key named {name} already") from None
        return await self._named(key_id) if done else None

    async def revoke(
        self, key_id: UUID, *, now: datetime, actor: str, reason: str | None
    ) -> ApiKeyRecord | None:
        """Revoke an active key and return it; None when there is no such active key."""
        done = await self._pool.fetchval(
            load(_PACKAGE, "apikeys/revoke"), key_id, now, actor, reason
        )
        return await self._named(key_id) if done else None

    async def _named(self, key_id: UUID) -> ApiKeyRecord:
        return next(record for record in await self.list() if record.id == key_id)

    async def touch(self, seen: Mapping[UUID | bytes, datetime]) -> None:
        """Record when keys, named by id or by hash, were last used; never moves a time back."""
        if not seen:
            return
        ids = [name if isinstance(name, UUID) else None for name in seen]
        hashes = [name if isinstance(name, bytes) else None for name in seen]
        await self._pool.execute(load(_PACKAGE, "apikeys/touch"), ids, hashes, list(seen.values()))
