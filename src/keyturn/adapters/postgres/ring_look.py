"""Looking at the ring: who is in which state and what happened, without any key material."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.keyring.states import KeyState
from keyturn.keyring.summary import AuditEntry, KeySummary, RingSummary

_PACKAGE: Final = "keyturn.adapters.postgres"


async def read_summary(pool: Pool) -> RingSummary:
    """Read the ring's keys and states in one statement, hence of one moment."""
    rows = await pool.fetch(load(_PACKAGE, "ring/summary"))
    keys = []
    for row in rows:
        facts = dict(row)
        del facts["version"], facts["announced_life"]
        if facts["kid"] is not None:
            keys.append(KeySummary(**{**facts, "state": KeyState(facts["state"])}))
    return RingSummary(rows[0]["version"], tuple(keys), rows[0]["announced_life"])


async def read_audit(pool: Pool, limit: int) -> Sequence[AuditEntry]:
    """Return the newest ``limit`` lines of the audit log, newest first."""
    rows = await pool.fetch(load(_PACKAGE, "ring/audit"), limit)
    return tuple(AuditEntry(**dict(row)) for row in rows)
