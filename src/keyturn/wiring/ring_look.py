"""What `keyturn keys list` and `apikeys list` need, without key material and its imports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from keyturn.adapters.postgres.apikey_store import PostgresApiKeyStore
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.ring_look import read_audit, read_summary
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.keyring.summary import AuditEntry, RingSummary
from keyturn.wiring.locations import auth_database, locations


@asynccontextmanager
async def database(data_dir: str | None) -> AsyncIterator[Pool]:
    """Open one connection to the database of the folder or of the environment."""
    pool = await Pool.open(
        auth_database(locations(data_dir), explicit=data_dir is not None),
        size=1,
        application_name="keyturn cli",
    )
    try:
        yield pool
    finally:
        await pool.close()


async def look_at_ring(
    data_dir: str | None, log_lines: int
) -> tuple[RingSummary, Sequence[AuditEntry]]:
    """Return the ring's keys and the newest lines of the audit log."""
    async with database(data_dir) as pool:
        return await read_summary(pool), await read_audit(pool, log_lines) if log_lines else ()


async def look_at_api_keys(data_dir: str | None) -> Sequence[ApiKeyRecord]:
    """Return all API keys, oldest first."""
    async with database(data_dir) as pool:
        return await PostgresApiKeyStore(pool).list()
