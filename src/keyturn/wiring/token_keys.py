"""Builds what ``keyturn token`` needs: keys to verify with, the ring to sign with."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.postgres.token_log import PostgresTokenLog
from keyturn.errors import UsageError
from keyturn.flows.token_verify import published_keys
from keyturn.jose.jwks import MAX_DOCUMENT_BYTES, KeySet
from keyturn.keyring.ring import KeyRing
from keyturn.secret import Secret
from keyturn.wiring.locations import locations
from keyturn.wiring.ring import master_sealer
from keyturn.wiring.ring_look import database

FETCH_SECONDS = 10.0


async def fetch_keys(url: str) -> KeySet:
    """Return the key set published at ``url``."""
    http = StandardHttpClient(timeout=FETCH_SECONDS, max_bytes=MAX_DOCUMENT_BYTES)
    return await published_keys(http, url)


async def trusted_ring(data_dir: str | None, *, shared_secrets: bool) -> KeyRing:
    """Return the ring without its private halves.

    Public keys need no master key; ``shared_secrets`` does, because they verify what they sign.
    """
    sealer = master_sealer(locations(data_dir)) if shared_secrets else None
    async with database(data_dir) as pool:
        return await PostgresRingStore(pool, sealer, verify_only=True).load()


@asynccontextmanager
async def minting(
    data_dir: str | None,
) -> AsyncIterator[tuple[PostgresRingStore, PostgresTokenLog]]:
    """Open the ring with its private halves, and the log, for one token."""
    sealer = master_sealer(locations(data_dir))
    async with database(data_dir) as pool:
        yield PostgresRingStore(pool, sealer), PostgresTokenLog(pool)


def secret_from_environment(name: str, environment: Mapping[str, str] | None = None) -> Secret:
    """Return the shared secret in the variable ``name``; raises ``UsageError``."""
    value = (os.environ if environment is None else environment).get(name)
    if not value:
        raise UsageError(f"The environment has no {name}, or it is empty.")
    return Secret(value)
