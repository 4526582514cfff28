"""``/admin/users/{user_id}/sessions`` and ``/admin/audit``: for bearers of an admin role."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.accounts.timestamps import optional_rfc3339, rfc3339
from keyturn.authserver import paging, shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.tokens import NO_STORE, client_of
from keyturn.authserver.users import AUTHORIZATION
from keyturn.flows import admin_sessions
from keyturn.flows.callers import authenticate_admin
from keyturn.flows.plane import Admin, AuthPlane
from keyturn.flows.ports.sessions import AuditRecord, SessionRecord

_encode: Final = msgspec.json.Encoder().encode


class AmrJson(msgspec.Struct):
    """How the user proved who they are; ``timestamp`` in Unix seconds."""

    method: str
    timestamp: int


class SessionJson(msgspec.Struct):
    """One session; names are those of the columns of ``auth.sessions``."""

    id: str
    created_at: str
    updated_at: str | None
    refreshed_at: str | None
    not_after: str | None
    aal: str
    amr: list[AmrJson]
    factor_id: str | None
    user_agent: str | None
    ip: str | None
    tag: str | None
    oauth_client_id: str | None


class SessionsJson(msgspec.Struct):
    """The sessions of an account."""

    sessions: list[SessionJson]


class AuditJson(msgspec.Struct):
    """One line of the audit log."""

    id: str
    payload: msgspec.Raw
    created_at: str | None
    ip_address: str


AuditLinesJson = list[AuditJson]


def _session(record: SessionRecord) -> SessionJson:
    session = record.session
    return SessionJson(
        session.id,
        rfc3339(session.created_at),
        optional_rfc3339(record.updated_at),
        optional_rfc3339(record.refreshed_at),
        optional_rfc3339(record.not_after),
        session.aal,
        [AmrJson(entry.method, entry.timestamp) for entry in session.amr],
        record.factor_id,
        record.user_agent,
        record.ip,
        record.tag,
        session.oauth_client_id,
    )


def _line(record: AuditRecord) -> AuditJson:
    created = optional_rfc3339(record.created_at)
    return AuditJson(record.id, msgspec.Raw(record.payload.encode()), created, record.ip_address)


class AdminSessions:
    """Answers ``/admin/users/{user_id}/sessions`` and ``/admin/audit``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    async def _admin(self, exchange: Exchange) -> Admin:
        return await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))

    @declares(who="administrator", gives=SessionsJson, refuses="user_id_not_uuid user_not_found")
    async def list(self, exchange: Exchange) -> Reply:
        """``GET /admin/users/{user_id}/sessions``, newest first."""
        await self._admin(exchange)
        found = await admin_sessions.listing(self._plane, exchange.params["user_id"])
        body = SessionsJson([_session(record) for record in found])
        return Reply(200, _encode(body), (JSON, NO_STORE))

    @declares(
        who="administrator",
        gives={204: None},
        refuses="user_id_not_uuid session_id_not_uuid session_not_found user_not_found",
    )
    async def revoke(self, exchange: Exchange) -> Reply:
        """``DELETE /admin/users/{user_id}/sessions/{session_id}``."""
        admin = await self._admin(exchange)
        user_id, session_id = exchange.params["user_id"], exchange.params["session_id"]
        client = client_of(exchange)
        await admin_sessions.revoke(self._plane, admin, user_id, session_id, client)
        return Reply(204, headers=())

    @declares(
        who="administrator",
        gives=AuditLinesJson,
        query={"query": shapes.TEXT, **shapes.PAGES},
        refuses="validation_failed text_not_storable",
    )
    async def audit(self, exchange: Exchange) -> Reply:
        """``GET /admin/audit?query&page&per_page``, newest first."""
        await self._admin(exchange)
        query = exchange.query("query") or ""
        found = await admin_sessions.audit_log(
            self._plane, query, exchange.query("page") or "", exchange.query("per_page") or ""
        )
        pages = paging.headers("/admin/audit", found.page, found.total, {"query": query})
        body = _encode([_line(record) for record in found.lines])
        return Reply(200, body, [JSON, NO_STORE, *pages])
