"""Builds the key ring's adapters from the environment and a data folder, and hands them out.

The master key is, in this order: ``KEYTURN_MASTER_KEY`` (a comma list during its own rotation),
``KEYTURN_MASTER_KEY_FILE``, ``master.key`` in the data folder.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keyturn.adapters import system
from keyturn.adapters.master_key import (
    ensure_master_key_file,
    parse_master_keys,
    read_master_key_file,
)
from keyturn.adapters.postgres.apikey_store import PostgresApiKeyStore
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.ring_store import PostgresRingStore
from keyturn.adapters.postgres.ring_watch import POLL_SECONDS, RingWatcher
from keyturn.adapters.sealing import Sealer
from keyturn.errors import UsageError
from keyturn.secret import Secret
from keyturn.wiring.locations import Locations, locations
from keyturn.wiring.ring_look import database
from keyturn.wiring.ring_policy import ring_policy

if TYPE_CHECKING:
    from keyturn.flows.keys import Bench

MASTER_KEY_VARIABLE: Final = "KEYTURN_MASTER_KEY"
MASTER_KEY_FILE_VARIABLE: Final = "KEYTURN_MASTER_KEY_FILE"


def master_keys(
    where: Locations, *, create: bool = False, environment: Mapping[str, str] | None = None
) -> tuple[Secret, ...]:
    """Return the master keys, first the one that seals.

    With ``create`` the file in the data folder is made when nothing else is given. Raises
    ``UsageError``, ``BadMasterKey``, ``MasterKeyMissing`` or ``MasterKeyExposed``.
    """
    variables = os.environ if environment is None else environment
    text, path = variables.get(MASTER_KEY_VARIABLE), variables.get(MASTER_KEY_FILE_VARIABLE)
    if text and path:
        raise UsageError(f"{MASTER_KEY_VARIABLE} and {MASTER_KEY_FILE_VARIABLE} are both set")
    if text:
        return parse_master_keys(Secret(text), source=MASTER_KEY_VARIABLE)
    if path:
        return read_master_key_file(Path(path))
    if create:
        return ensure_master_key_file(where.master_key)
    return read_master_key_file(where.master_key)


def master_sealer(
    where: Locations, *, create: bool = False, environment: Mapping[str, str] | None = None
) -> Sealer:
    """Return the sealer of :func:`master_keys`."""
    return Sealer(master_keys(where, create=create, environment=environment))


async def open_ring(
    pool: Pool,
    sealer: Sealer,
    *,
    poll_seconds: float | None = POLL_SECONDS,
    verify_only: bool = False,
) -> tuple[PostgresRingStore, RingWatcher]:
    """Return the ring's store and a watcher that is not started yet.

    A service that signs nothing says ``verify_only``: no private key is then in its memory.

    Call :func:`keyturn.flows.keys.ensure` on the store, then ``await watcher.start()``.
    """
    store = PostgresRingStore(pool, sealer, verify_only=verify_only)
    return store, RingWatcher(pool, store, poll_seconds=poll_seconds)


@dataclass(frozen=True)
class RingAccess:
    """What a command of the CLI needs."""

    bench: Bench
    store: PostgresRingStore
    api_keys: PostgresApiKeyStore


@asynccontextmanager
async def ring_access(
    data_dir: str | None, *, unseal: bool, dry_run: bool = False
) -> AsyncIterator[RingAccess]:
    """Open the ring of a running stack or of the database in the environment, for one command.

    Without ``unseal`` no master key is needed and nothing private is opened.
    """
    from keyturn.flows.keys import Bench

    where = locations(data_dir)
    sealer = master_sealer(where) if unseal else None
    policy = ring_policy(os.environ)
    async with database(data_dir) as pool:
        store, api_keys = PostgresRingStore(pool, sealer), PostgresApiKeyStore(pool)
        bench = Bench(store, policy, system.entropy, api_keys, dry_run=dry_run)
        yield RingAccess(bench, store, api_keys)
