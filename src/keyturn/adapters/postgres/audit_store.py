"""The append-only log of changes in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.flows.ports.audit import AccountVerb, AuditFilter, AuditLine, VisitVerb
from keyturn.keyring.summary import AuditEntry

_PACKAGE: Final = "keyturn.adapters.postgres"


class PostgresAuditLog:
    """Implements :class:`keyturn.flows.ports.audit.AuditLog`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def search(
        self, wanted: AuditFilter, *, before: int | None, limit: int
    ) -> Sequence[AuditLine]:
        """Return up to ``limit`` lines older than the line ``before``, newest first."""
        rows = await self._pool.fetch(
            load(_PACKAGE, "audit/search"),
            *(wanted.subject, wanted.verb, wanted.subject_id, wanted.actor),
            before,
            limit,
            *(wanted.since, wanted.until),
        )
        lines = []
        for row in rows:
            facts = dict(row)
            lines.append(AuditLine(facts.pop("id"), AuditEntry(**facts)))
        return tuple(lines)

    async def record_visit(self, verb: VisitVerb, *, at: datetime, actor: str, visit: str) -> None:
        """Add that ``actor`` signed in to the console, or out; ``visit`` names the session."""
        await self._pool.execute(load(_PACKAGE, "audit/record_console"), at, actor, visit, verb)

    async def record_account(
        self, verb: AccountVerb, *, at: datetime, actor: str, account: str, reason: str | None
    ) -> None:
        """Add what ``actor`` did to the user ``account``."""
        await self._pool.execute(
            load(_PACKAGE, "audit/record_account"), at, actor, account, verb, reason
        )
