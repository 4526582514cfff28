"""Sessions and the audit log as administrators see them (migration 0043)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from keyturn.adapters.postgres import account_rows
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.flows.ports.accounts import Actor, ClientInfo
from keyturn.flows.ports.sessions import AuditRecord, SessionRecord

_PACKAGE: Final = "keyturn.adapters.postgres"
_OF_USER: Final = load(_PACKAGE, "sessions/of_user")
_REVOKE: Final = load(_PACKAGE, "sessions/revoke")
_CENSUS: Final = load(_PACKAGE, "sessions/census")
_LIST_AUDIT: Final = load(_PACKAGE, "accounts/list_audit")


class PostgresSessionStore:
    """Implements :class:`keyturn.flows.ports.sessions.SessionStore`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool

    async def of_user(self, user_id: str) -> list[SessionRecord] | None:
        """Return the sessions of an account."""
        rows = await self._pool.fetch(_OF_USER, user_id)
        if not rows:
            return None
        return [_record(row) for row in rows if row["id"] is not None]

    async def revoke(
        self,
        user_id: str,
        session_id: str,
        actor: Actor,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> bool:
        """End a session."""
        existed: bool = await self._pool.fetchval(
            _REVOKE, user_id, session_id, account_rows.document(actor), now, client.ip, audit
        )
        return existed

    async def census(
        self, spans: Sequence[tuple[str, datetime, datetime | None]], oldest: datetime
    ) -> Mapping[str, int]:
        """Return how many sessions had their newest token signed in each span."""
        names, since, until = ([span[place] for span in spans] for place in range(3))
        rows = await self._pool.fetch(_CENSUS, names, since, until, oldest)
        return {row["kid"]: row["sessions"] for row in rows}

    async def audit_page(
        self, keys: Sequence[str] | None, part: str, size: int, skip: int
    ) -> tuple[list[AuditRecord], int]:
        """Return lines of the audit log."""
        wanted = None if keys is None else list(keys)
        rows = await self._pool.fetch(_LIST_AUDIT, wanted, part, size, skip)
        lines = [AuditRecord(*tuple(row)[1:]) for row in rows if row["id"] is not None]
        return lines, rows[0]["total"]


def _record(row: Any) -> SessionRecord:
    facts = (row["id"], row["created_at"], row["amr"], row["oauth_client_id"], None)
    return SessionRecord(
        account_rows.session(facts),
        row["updated_at"],
        row["refreshed_at"],
        row["not_after"],
        row["factor_id"],
        row["user_agent"],
        row["ip"],
        row["tag"],
    )
