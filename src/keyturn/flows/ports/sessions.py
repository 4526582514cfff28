"""What administrators see of sessions, and of what happened; errors as in ``ports.accounts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from keyturn.accounts.sessions import Session
from keyturn.flows.ports.accounts import Actor, ClientInfo


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session with where it was last used; times and address are None when unknown."""

    session: Session
    updated_at: datetime | None
    refreshed_at: datetime | None
    not_after: datetime | None
    factor_id: str | None
    user_agent: str | None
    ip: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the audit log; ``payload`` is JSON text."""

    id: str
    payload: str
    created_at: datetime | None
    ip_address: str


class SessionStore(Protocol):
    """Sessions of any account; every method is one round trip."""

    async def of_user(self, user_id: str) -> list[SessionRecord] | None:
        """Return the sessions of an account, newest first; None when there is no account."""
        ...

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
        """End a session with its refresh tokens; False when the account has no such session."""
        ...

    async def census(
        self, spans: Sequence[tuple[str, datetime, datetime | None]], oldest: datetime
    ) -> Mapping[str, int]:
        """Return how many sessions had their newest token signed in each span after ``oldest``.

        ``spans``: a name, and from when until when (None: still); every name is in the answer.
        """
        ...

    async def audit_page(
        self, keys: Sequence[str] | None, part: str, size: int, skip: int
    ) -> tuple[list[AuditRecord], int]:
        """Return lines, newest first, and how many there are.

        ``keys``: only lines with ``part`` in one of these members of the payload, in any case.
        """
        ...
