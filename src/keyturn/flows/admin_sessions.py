"""What administrators see and do beyond single accounts: sessions and the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import require_storable, uuid_text
from keyturn.flows import paging
from keyturn.flows.admin_users import actor
from keyturn.flows.paging import Page
from keyturn.flows.plane import Admin, AuthPlane
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.sessions import AuditRecord, SessionRecord

_SCOPES: Final[Mapping[str, Sequence[str]]] = {
    "author": ("actor_username", "actor_name"),
    "action": ("action",),
    "type": ("log_type",),
}


async def listing(plane: AuthPlane, user_id: str) -> list[SessionRecord]:
    """Return the sessions of an account, newest first.

    Raises ``user_id_not_uuid`` and ``user_not_found`` (404).
    """
    found = await plane.sessions.of_user(_user_id(user_id))
    if found is None:
        raise refuse("user_not_found")
    return found


async def revoke(
    plane: AuthPlane, admin: Admin, user_id: str, session_id: str, client: ClientInfo
) -> None:
    """End a session: its refresh tokens are worth nothing from now on.

    Its access token still passes elsewhere until it expires. Raises ``session_id_not_uuid`` and
    ``session_not_found`` (404).
    """
    target, wanted = _user_id(user_id), uuid_text(session_id)
    if wanted is None:
        raise refuse("session_id_not_uuid")
    audit = plane.settings.audit_log_postgres
    if not await plane.sessions.revoke(
        target, wanted, actor(admin), client, plane.clock(), audit=audit
    ):
        raise refuse("session_not_found")


@dataclass(frozen=True, slots=True)
class AuditListing:
    """A page of the audit log."""

    lines: list[AuditRecord]
    total: int
    page: Page


async def audit_log(plane: AuthPlane, query: str, page: str, per_page: str) -> AuditListing:
    """Return lines of the audit log, newest first.

    ``query`` is empty or ``author:``, ``action:`` or ``type:`` and part of what stands there.
    Raises ``validation_failed`` for another query and for pages that are none.
    """
    wanted = paging.read(page, per_page)
    require_storable(query)
    scope, colon, part = query.partition(":")
    if query and (scope not in _SCOPES or not colon):
        raise refuse("validation_failed", f"Invalid query scope: {query[:64]}")
    keys = _SCOPES[scope] if part else None
    lines, total = await plane.sessions.audit_page(keys, part, wanted.size, wanted.skip)
    return AuditListing(lines, total, wanted)


def _user_id(text: str) -> str:
    user_id = uuid_text(text)
    if user_id is None:
        raise refuse("user_id_not_uuid")
    return user_id
