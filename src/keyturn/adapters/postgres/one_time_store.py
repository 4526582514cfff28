"""One-time tokens, PKCE flows and send budgets in PostgreSQL: every method is one round trip."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from keyturn.adapters.postgres import account_rows
from keyturn.adapters.postgres.account_errors import translated
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.flows.ports.accounts import ClientInfo, NewSession, NewUser
from keyturn.flows.ports.messages import Ask, Claim, Found, Redeemed, Requested

_PACKAGE: Final = "keyturn.adapters.postgres"


def _sql(name: str) -> str:
    return load(_PACKAGE, f"one_time/{name}")


_CREATE_PENDING = _sql("create_pending")
_EXCHANGE = _sql("exchange")
_FAILED = _sql("failed")
_FIND_BY_EMAIL = _sql("find_by_email")
_FIND_BY_PHONE = _sql("find_by_phone")
_NONCE_FITS = _sql("nonce_fits")
_OWNER = _sql("owner")
_REDEEM = _sql("redeem")
_REQUEST = _sql("request")


class PostgresOneTimeStore:
    """Implements :class:`keyturn.flows.ports.messages.OneTimeStore`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool

    async def find(self, email: str, phone: str, aud: str, budget: Ask, now: datetime) -> Found:
        """Look an account up together with what is left of the budget."""
        sql = _FIND_BY_EMAIL if email else _FIND_BY_PHONE
        row = await self._pool.fetchrow(sql, email or phone, aud, budget.count, budget.seconds, now)
        who, remaining = tuple(row or (None, 0.0))
        left = float("inf") if remaining is None else remaining
        return Found(account_rows.user(who) if who else None, left)

    async def owner(self, claim: Claim) -> tuple[str, str]:
        """Return address and number of the account that a token belongs to; empty: nobody's."""
        row = await self._pool.fetchrow(_OWNER, list(claim.hashes), list(claim.types))
        return tuple(row) if row is not None else ("", "")

    async def request(
        self, user_id: str, ask: Ask, client: ClientInfo, now: datetime, *, audit: bool
    ) -> Requested:
        """Write tokens for an account."""
        with translated("updating_user"):
            row = await self._pool.fetchrow(
                _REQUEST, user_id, _document(ask), now, client.ip, audit
            )
        return _requested(row)

    async def create_pending(
        self, new: NewUser, ask: Ask, client: ClientInfo, now: datetime, *, audit: bool
    ) -> Requested:
        """Create an unconfirmed account with its tokens."""
        with translated("saving_user"):
            row = await self._pool.fetchrow(
                _CREATE_PENDING, account_rows.document(new), _document(ask), now, client.ip, audit
            )
        return _requested(row)

    async def failed(self, user_id: str, token_type: str, channel: str) -> None:
        """Take note that a message did not leave."""
        await self._pool.fetchval(_FAILED, user_id, token_type, channel)

    async def redeem(
        self, claim: Claim, session: NewSession, client: ClientInfo, now: datetime, *, audit: bool
    ) -> Redeemed:
        """Use a token once."""
        with translated("updating_user"):
            row: Any = await self._pool.fetchrow(
                _REDEEM,
                _document(claim),
                session.id,
                session.method,
                session.token,
                session.hmac_key,
                now,
                client.ip,
                client.user_agent,
                audit,
            )
        return _redeemed(row)

    async def exchange(
        self,
        code: str,
        challenges: Mapping[str, str],
        life: timedelta,
        session: NewSession,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> Redeemed:
        """Use the code of a PKCE flow once."""
        with translated("updating_user"):
            row: Any = await self._pool.fetchrow(
                _EXCHANGE,
                code,
                msgspec.json.encode(challenges).decode(),
                life,
                session.id,
                session.token,
                session.hmac_key,
                now,
                client.ip,
                client.user_agent,
                audit,
            )
        if row["verdict"] != "ok":
            return Redeemed(row["verdict"])
        return Redeemed(
            "ok",
            None,
            account_rows.user(row["who"]),
            account_rows.session(row["opened"]),
            row["provider_access_token"],
            row["provider_refresh_token"],
        )

    async def nonce_fits(self, user_id: str, token_hash: str, life: int, now: datetime) -> bool:
        """Compare a reauthentication nonce."""
        return bool(await self._pool.fetchval(_NONCE_FITS, user_id, token_hash, life, now))


def _document(value: Ask | Claim) -> str:
    return msgspec.json.encode(value).decode()


def _requested(row: Any) -> Requested:
    verdict, seconds, who = tuple(row)
    return Requested(verdict, seconds or 0, account_rows.user(who) if who else None)


def _redeemed(row: Any) -> Redeemed:
    verdict, code, who, opened = tuple(row)
    if verdict != "ok":
        return Redeemed(verdict)
    return Redeemed(
        verdict,
        code,
        account_rows.user(who) if who else None,
        account_rows.session(opened) if opened else None,
    )
