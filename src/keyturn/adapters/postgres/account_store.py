"""Accounts, sessions and refresh tokens in PostgreSQL: every method is one round trip.

The rules that need a lock (refresh) are PL/pgSQL functions of schema ``keyturn`` (migrations
0020–0023); nothing is ever added to schema ``auth``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from keyturn.accounts.errors import refuse
from keyturn.accounts.sessions import Session
from keyturn.accounts.settings import AuthSettings
from keyturn.accounts.user import User
from keyturn.adapters.postgres import account_rows
from keyturn.adapters.postgres.account_errors import translated
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.adapters.postgres.refresh_rules import RuledStatements, refresh_rules
from keyturn.flows.ports.accounts import (
    Actor,
    ClientInfo,
    Credentials,
    NewSession,
    NewUser,
    Opened,
    RefreshOutcome,
    UserChange,
    UserPage,
    UserQuery,
)

_PACKAGE: Final = "keyturn.adapters.postgres"


def _sql(name: str) -> str:
    return load(_PACKAGE, f"accounts/{name}")


_CALLER = _sql("caller")
_CREATE_USER = _sql("create_user")
_CREDENTIALS = _sql("credentials")
_DELETE_USER = _sql("delete_user")
_FIND_BY_EMAIL = _sql("find_by_email")
_FIND_BY_PHONE = _sql("find_by_phone")
_LIST_USERS = _sql("list_users")
_OPEN_SESSION = _sql("open_session")
_SESSION_END = _sql("session_end")
_REFRESH_V1 = _sql("refresh_v1")
_REFRESH_V2 = _sql("refresh_v2")
_SIGN_OUT = _sql("sign_out")
_SIGN_UP = _sql("sign_up")
_UPDATE_USER = _sql("update_user")

HOT_STATEMENTS: Final = (_FIND_BY_EMAIL, _OPEN_SESSION, _CALLER)
"""For ``Pool.open(prepare=…)``: a new connection serves its first request without a delay."""


class PostgresAccountStore:
    """Implements :class:`keyturn.flows.ports.accounts.AccountStore`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool
        self._ruled = RuledStatements(pool, _REFRESH_V1, _REFRESH_V2)

    async def find_by_email(self, email: str, aud: str) -> Credentials | None:
        """Return the non-SSO account with this lower-case address in ``aud``."""
        return await self._one(_FIND_BY_EMAIL, email, aud)

    async def find_by_phone(self, phone: str, aud: str) -> Credentials | None:
        """Return the account with this number in ``aud``."""
        return await self._one(_FIND_BY_PHONE, phone, aud)

    async def credentials(self, user_id: str) -> Credentials | None:
        """Return the account ``user_id`` with its password hash."""
        return await self._one(_CREDENTIALS, user_id)

    async def caller(
        self, user_id: str, session_id: str | None
    ) -> tuple[User | None, Session | None]:
        """Return the account and, if asked for and theirs, its session."""
        found = await self._pool.fetchrow(_CALLER, user_id, session_id)
        if found is None:
            return None, None
        opened = found["opened"]
        return account_rows.user(found["who"]), account_rows.session(opened) if opened else None

    async def session_end(
        self, user_id: str, session_id: str, settings: AuthSettings, now: datetime
    ) -> str | None:
        """Return why a session is over, or None."""
        ended: str | None = await self._pool.fetchval(
            _SESSION_END, user_id, session_id, now, refresh_rules(settings)
        )
        return ended

    async def create_user(
        self, new: NewUser, actor: Actor | None, client: ClientInfo, now: datetime, *, audit: bool
    ) -> User:
        """Create an account and its identities."""
        documents = account_rows.document(new), account_rows.document(actor)
        with translated("saving_user"):
            who = await self._pool.fetchval(_CREATE_USER, *documents, now, client.ip, audit)
        return account_rows.user(who)

    async def sign_up(
        self, new: NewUser, session: NewSession, client: ClientInfo, now: datetime, *, audit: bool
    ) -> Opened:
        """Create an account and sign it in."""
        with translated("saving_user"):
            row = await self._pool.fetchrow(
                _SIGN_UP,
                account_rows.document(new),
                *_session_arguments(session),
                now,
                client.ip,
                client.user_agent,
                audit,
            )
        return _opened(row)

    async def open_session(
        self,
        user_id: str,
        verified_hash: str,
        new_hash: str | None,
        session: NewSession,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> Opened | None:
        """Sign in; None when the hash is no longer the one that was verified."""
        with translated("updating_user"):
            row = await self._pool.fetchrow(
                _OPEN_SESSION,
                user_id,
                verified_hash,
                new_hash,
                *_session_arguments(session),
                now,
                client.ip,
                client.user_agent,
                audit,
            )
        return _opened(row) if row is not None and row["opened"] is not None else None

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
        row = await self._pool.fetchrow_together(
            self._ruled.find(_REFRESH_V1, settings),
            token,
            new_token,
            new_key,
            now,
            client.ip,
            client.user_agent,
        )
        return account_rows.refreshed(row)

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
        row = await self._pool.fetchrow_together(
            self._ruled.find(_REFRESH_V2, settings),
            session_id,
            counter,
            signed,
            tag,
            now,
            client.ip,
            client.user_agent,
            key,
        )
        return account_rows.refreshed(row)

    async def sign_out(
        self,
        user_id: str,
        session_id: str | None,
        scope: str,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> None:
        """Delete sessions."""
        await self._pool.fetchval(_SIGN_OUT, user_id, session_id, scope, now, client.ip, audit)

    async def update_user(
        self,
        user_id: str,
        change: UserChange,
        actor: Actor,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> User:
        """Apply ``change``."""
        documents = account_rows.document(change), account_rows.document(actor)
        with translated("updating_user"):
            who = await self._pool.fetchval(
                _UPDATE_USER, user_id, *documents, now, client.ip, audit
            )
        if who is None:
            raise refuse("user_not_found")
        return account_rows.user(who)

    async def list_users(self, query: UserQuery) -> UserPage:
        """Return one page."""
        skip = (query.page - 1) * query.per_page
        rows = await self._pool.fetch(
            _LIST_USERS, query.aud, query.filter, query.descending, query.per_page, skip
        )
        users = [account_rows.user(row["who"]) for row in rows if row["who"] is not None]
        return UserPage(users, rows[0]["total"])

    async def delete_user(
        self,
        user_id: str,
        actor: Actor,
        client: ClientInfo,
        now: datetime,
        *,
        soft: bool,
        audit: bool,
    ) -> None:
        """Delete the account."""
        with translated("deleting_user"):
            existed = await self._pool.fetchval(
                _DELETE_USER, user_id, soft, account_rows.document(actor), now, client.ip, audit
            )
        if not existed:
            raise refuse("user_not_found")

    async def _one(self, sql: str, *arguments: str) -> Credentials | None:
        found = await self._pool.fetchrow(sql, *arguments)
        if found is None:
            return None
        return Credentials(account_rows.user(found["who"]), found["password_hash"] or None)


def _session_arguments(session: NewSession) -> tuple[str | None, ...]:
    return session.id, session.method, session.provider, session.token, session.hmac_key


def _opened(row: Any) -> Opened:
    return Opened(account_rows.user(row["who"]), account_rows.session(row["opened"]))
