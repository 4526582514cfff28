"""The embedded PostgreSQL of a rehearsal: GoTrue's schema, one table with row level security."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keyturn.adapters.postgres.account_store import HOT_STATEMENTS
from keyturn.adapters.postgres.cluster import EmbeddedPostgres
from keyturn.adapters.postgres.migrations import PACKAGE, migrate
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.adapters.postgres.rest_database import PostgresRestDatabase

_IN_MEMORY: Final = ("fsync", "full_page_writes", "synchronous_commit")
"""Settings that only protect against a crash, after which a rehearsal begins anew anyway."""


@dataclass(frozen=True, slots=True)
class RehearsalDatabase:
    """Connections for Auth and for REST."""

    auth: Pool
    rest: PostgresRestDatabase


@asynccontextmanager
async def open_database(folder: Path) -> AsyncIterator[RehearsalDatabase]:
    """Yield a fresh database below ``folder``; it is deleted afterwards.

    Raises ``BinariesMissing`` without the extra ``keyturn[local]``, and ``ClusterBroken``.
    """
    cluster = EmbeddedPostgres(folder)
    try:
        await cluster.start()
        async with AsyncExitStack() as stack:
            admin = await Pool.open(cluster.dsn("postgres"), size=1, application_name="rehearsal")
            stack.push_async_callback(admin.close)
            for name in _IN_MEMORY:
                await admin.execute(f"alter system set {name} = off")
            await admin.execute("select pg_reload_conf()")
            await migrate(admin)
            await admin.execute(load(PACKAGE, "rehearsal/tables"))
            auth = await Pool.open(
                cluster.dsn("supabase_auth_admin"),
                size=8,
                prepare=HOT_STATEMENTS,
                application_name="rehearsal auth",
            )
            stack.push_async_callback(auth.close)
            pool = await Pool.open(
                cluster.dsn("authenticator"), size=8, application_name="rehearsal rest"
            )
            stack.push_async_callback(pool.close)
            rest = PostgresRestDatabase(pool, ("public",), '"extensions"')
            await rest.start()
            stack.push_async_callback(rest.stop)
            yield RehearsalDatabase(auth, rest)
    finally:
        await cluster.stop()
        cluster.destroy()
