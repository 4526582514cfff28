"""The OAuth server's clients, authorizations and consents in PostgreSQL (migration 0050)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from keyturn.accounts.oauth_clients import ClientChange, OAuthClient, Registration
from keyturn.accounts.oauth_server import AuthorizationRequest
from keyturn.accounts.settings import AuthSettings
from keyturn.adapters.postgres import account_rows
from keyturn.adapters.postgres.account_errors import translated
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.adapters.postgres.refresh_rules import refresh_rules
from keyturn.flows.ports.accounts import ClientInfo, NewSession, Opened, RefreshOutcome
from keyturn.flows.ports.oauth_server import (
    Authorization,
    CodeOutcome,
    CodeUse,
    OAuthGrant,
    RefreshStore,
)


def _sql(name: str) -> str:
    return load("keyturn.adapters.postgres", f"oauth/{name}")


_CHANGE_CLIENT: Final = _sql("change_client")
_CREATE_AUTHORIZATION: Final = _sql("create_authorization")
_CREATE_CLIENT: Final = _sql("create_client")
_DECIDE: Final = _sql("decide")
_DELETE_CLIENT: Final = _sql("delete_client")
_FIND_CLIENT: Final = _sql("find_client")
_GRANTS: Final = _sql("grants")
_LIST_CLIENTS: Final = _sql("list_clients")
_LOOK: Final = _sql("look")
_REDEEM: Final = _sql("redeem")
_REFRESH_V1: Final = _sql("refresh_v1")
_REFRESH_V2: Final = _sql("refresh_v2")
_REVOKE_GRANT: Final = _sql("revoke_grant")


class PostgresOAuthStore:
    """Implements :class:`keyturn.flows.ports.oauth_server.OAuthStore`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool

    async def create_client(
        self, client_id: str, wanted: Registration, kind: str, secret_hash: str, now: datetime
    ) -> OAuthClient:
        """Register a client."""
        with translated("saving_oauth_client"):
            row = await self._pool.fetchval(
                _CREATE_CLIENT,
                client_id,
                wanted.client_type,
                wanted.token_endpoint_auth_method,
                ",".join(wanted.redirect_uris),
                ",".join(wanted.grant_types),
                wanted.client_name,
                wanted.client_uri,
                wanted.logo_uri,
                kind,
                secret_hash,
                now,
            )
        return _client(row)

    async def find_client(self, client_id: str) -> OAuthClient | None:
        """Return the client unless it is unknown or deleted."""
        row = await self._pool.fetchval(_FIND_CLIENT, client_id)
        return None if row is None else _client(row)

    async def list_clients(self) -> list[OAuthClient]:
        """Return all clients, newest first."""
        return [_client(row["client"]) for row in await self._pool.fetch(_LIST_CLIENTS)]

    async def change_client(
        self, client_id: str, change: ClientChange, secret_hash: str | None, now: datetime
    ) -> OAuthClient | None:
        """Change a client."""
        with translated("saving_oauth_client"):
            row = await self._pool.fetchval(
                _CHANGE_CLIENT,
                client_id,
                _list(change.redirect_uris),
                _list(change.grant_types),
                change.client_name,
                change.client_uri,
                change.logo_uri,
                secret_hash,
                now,
            )
        return None if row is None else _client(row)

    async def delete_client(self, client_id: str, now: datetime) -> bool:
        """Mark a client as deleted."""
        return bool(await self._pool.fetchval(_DELETE_CLIENT, client_id, now))

    async def create_authorization(
        self, authorization_id: str, request: AuthorizationRequest, until: datetime, now: datetime
    ) -> None:
        """Keep a request until its user has decided."""
        with translated("saving_authorization"):
            await self._pool.fetchval(
                _CREATE_AUTHORIZATION,
                authorization_id,
                request.client_id,
                request.redirect_uri,
                request.scope,
                request.state,
                request.resource,
                request.code_challenge,
                request.code_challenge_method.lower(),
                request.nonce,
                now,
                until,
            )

    async def look(
        self, authorization_id: str, user_id: str, code: str, now: datetime
    ) -> tuple[str, Authorization | None]:
        """Give a request to its user."""
        return _looked(await self._pool.fetchrow(_LOOK, authorization_id, user_id, code, now))

    async def decide(
        self, authorization_id: str, user_id: str, code: str, now: datetime, *, approve: bool
    ) -> tuple[str, Authorization | None]:
        """Approve with ``code``, or deny."""
        with translated("saving_authorization"):
            row = await self._pool.fetchrow(_DECIDE, authorization_id, user_id, code, approve, now)
        return _looked(row)

    async def redeem_code(
        self, use: CodeUse, session: NewSession, client: ClientInfo, now: datetime, *, audit: bool
    ) -> CodeOutcome:
        """Use an authorization code."""
        with translated("updating_user"):
            row: Any = await self._pool.fetchrow(
                _REDEEM,
                use.code,
                use.client_id,
                use.redirect_uri,
                use.resource,
                msgspec.json.encode(use.challenges).decode(),
                session.id,
                session.method,
                session.token,
                session.hmac_key,
                now,
                client.ip,
                client.user_agent,
                audit,
            )
        if row["verdict"] != "ok":
            return CodeOutcome(row["verdict"])
        opened = Opened(account_rows.user(row["who"]), account_rows.session(row["opened"]))
        return CodeOutcome("ok", opened, row["scope"], row["nonce"])

    def refreshing(self, client_id: str) -> RefreshStore:
        """Return the refreshes of this client's sessions."""
        return _ClientRefresh(self._pool, client_id)

    async def grants(self, user_id: str) -> list[OAuthGrant]:
        """Return the consents of a user."""
        rows = await self._pool.fetch(_GRANTS, user_id)
        return [
            OAuthGrant(_client(row["client"]), row["scopes"], row["granted_at"]) for row in rows
        ]

    async def revoke_grant(
        self, user_id: str, client_id: str, client: ClientInfo, now: datetime, *, audit: bool
    ) -> bool:
        """Take a consent back."""
        return bool(
            await self._pool.fetchval(_REVOKE_GRANT, user_id, client_id, now, client.ip, audit)
        )


class _ClientRefresh:
    """Implements :class:`keyturn.flows.ports.oauth_server.RefreshStore`."""

    def __init__(self, pool: Pool, client_id: str) -> None:
        self._pool = pool
        self._client_id = client_id

    async def refresh_v1(
        self,
        token: str,
        new_token: str,
        new_key: str | None,
        settings: AuthSettings,
        client: ClientInfo,
        now: datetime,
    ) -> RefreshOutcome:
        """Swap a v1 token."""
        return await self._refresh(_REFRESH_V1, (token, new_token, new_key), settings, client, now)

    async def refresh_v2(
        self,
        session_id: str,
        counter: int,
        signed: bytes,
        tag: bytes,
        settings: AuthSettings,
        client: ClientInfo,
        now: datetime,
        key: str | None = None,
    ) -> RefreshOutcome:
        """Count a v2 session on."""
        given = (session_id, counter, signed, tag)
        return await self._refresh(_REFRESH_V2, given, settings, client, now, key)

    async def _refresh(
        self,
        sql: str,
        given: tuple[object, ...],
        settings: AuthSettings,
        client: ClientInfo,
        now: datetime,
        *key: str | None,
    ) -> RefreshOutcome:
        about = (now, client.ip, client.user_agent, refresh_rules(settings), *key)
        return account_rows.refreshed(
            await self._pool.fetchrow(sql, self._client_id, *given, *about)
        )


def _list(values: Sequence[str] | None) -> str | None:
    return None if values is None else ",".join(values)


def _client(row: Any) -> OAuthClient:
    """Return the client in a value of type ``keyturn.oauth_client``."""
    values: list[Any] = list(row)
    values[3:5] = (tuple(filter(None, text.split(","))) for text in values[3:5])
    return OAuthClient(*values)


def _looked(row: Any) -> tuple[str, Authorization | None]:
    verdict, authorization_id, client, redirect_uri, scope, state, code = tuple(row)
    if verdict != "ok":
        return verdict, None
    found = Authorization(authorization_id, _client(client), redirect_uri, scope, state, code)
    return verdict, found
