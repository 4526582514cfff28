"""How flows and surfaces reach the append-only log of changes: search it, add a visit to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from keyturn.keyring.summary import AuditEntry

VisitVerb = Literal["sign_in", "sign_out", "sign_in_failed"]
AccountVerb = Literal["end_session", "end_sessions", "ban", "lift_ban"]


@dataclass(frozen=True)
class AuditFilter:
    """Which lines are wanted; None means any."""

    subject: str | None = None
    """``signing_key``, ``api_key``, ``console`` or ``account``."""
    verb: str | None = None
    subject_id: str | None = None
    actor: str | None = None
    """Part of the actor's name, in any case."""
    since: datetime | None = None
    until: datetime | None = None
    """Aware; lines from ``since`` on and before ``until``."""


@dataclass(frozen=True)
class AuditLine:
    """One line and its place in the log: ids only grow."""

    id: int
    entry: AuditEntry


class AuditLog(Protocol):
    """The log that every change of keys writes; nothing in it is ever altered."""

    async def search(
        self, wanted: AuditFilter, *, before: int | None, limit: int
    ) -> Sequence[AuditLine]:
        """Return up to ``limit`` lines older than the line ``before``, newest first."""
        ...

    async def record_visit(self, verb: VisitVerb, *, at: datetime, actor: str, visit: str) -> None:
        """Add that ``actor`` signed in to the console, or out; ``visit`` names the session.

        Where a password did not fit there is none: ``visit`` is the address that tried.
        """
        ...

    async def record_account(
        self, verb: AccountVerb, *, at: datetime, actor: str, account: str, reason: str | None
    ) -> None:
        """Add what ``actor`` did to the user ``account``."""
        ...
