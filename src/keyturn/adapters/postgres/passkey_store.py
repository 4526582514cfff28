"""Passkeys in PostgreSQL: every method is one round trip (migration 0045)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from keyturn.adapters.postgres import account_rows
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.flows.ports.accounts import Actor, ClientInfo, NewSession, Opened
from keyturn.flows.ports.passkeys import Ceremony, Passkey, Presented

_PACKAGE: Final = "keyturn.adapters.postgres"
_START: Final = load(_PACKAGE, "passkeys/start")
_CEREMONY: Final = load(_PACKAGE, "passkeys/ceremony")
_ADD: Final = load(_PACKAGE, "passkeys/add")
_OF_USER: Final = load(_PACKAGE, "passkeys/of_user")
_USE_CEREMONY: Final = load(_PACKAGE, "passkeys/use_ceremony")
_SIGN_IN: Final = load(_PACKAGE, "passkeys/sign_in")
_CHANGE: Final = load(_PACKAGE, "passkeys/change")


class PostgresPasskeyStore:
    """Implements :class:`keyturn.flows.ports.passkeys.PasskeyStore`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool

    async def start(self, ceremony_id: str, ceremony: Ceremony, now: datetime) -> None:
        """Remember a challenge."""
        await self._pool.fetchval(
            _START,
            ceremony_id,
            ceremony.user_id,
            ceremony.type,
            ceremony.session,
            now,
            ceremony.expires_at,
        )

    async def ceremony(self, ceremony_id: str) -> Ceremony | None:
        """Return a challenge."""
        row = await self._pool.fetchrow(_CEREMONY, ceremony_id)
        return None if row is None else Ceremony(*tuple(row))

    async def add(
        self,
        user_id: str,
        ceremony_id: str,
        new: Mapping[str, object],
        most: int,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> str:
        """Keep a new passkey."""
        document = msgspec.json.encode(new).decode()
        verdict: str = await self._pool.fetchval(
            _ADD, user_id, ceremony_id, document, most, now, client.ip, audit
        )
        return verdict

    async def of_user(self, user_id: str) -> list[Passkey]:
        """Return the passkeys of an account."""
        return [Passkey(*tuple(row)) for row in await self._pool.fetch(_OF_USER, user_id)]

    async def present(self, ceremony_id: str, credential_id: bytes) -> Presented | None:
        """Use a challenge up."""
        row = await self._pool.fetchrow(_USE_CEREMONY, ceremony_id, credential_id)
        if row is None or row["session"] is None:
            return None
        return Presented(
            row["session"],
            row["expires_at"],
            row["passkey_id"],
            row["public_key"],
            row["sign_count"] or 0,
            account_rows.user(row["who"]) if row["passkey_id"] else None,
        )

    async def sign_in(
        self,
        passkey_id: str,
        user_id: str,
        sign_count: int,
        session: NewSession,
        client: ClientInfo,
        now: datetime,
        *,
        backed_up: bool,
        audit: bool,
    ) -> Opened | None:
        """Open a session."""
        row = await self._pool.fetchrow(
            _SIGN_IN,
            passkey_id,
            user_id,
            sign_count,
            backed_up,
            session.id,
            session.token,
            session.hmac_key,
            now,
            client.ip,
            client.user_agent,
            audit,
        )
        if row is None or row["opened"] is None:
            return None
        return Opened(account_rows.user(row["who"]), account_rows.session(row["opened"]))

    async def change(
        self,
        user_id: str,
        passkey_id: str,
        name: str | None,
        actor: Actor | None,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> bool:
        """Rename or delete."""
        document = account_rows.document(actor)
        existed: bool = await self._pool.fetchval(
            _CHANGE, user_id, passkey_id, name, document, now, client.ip, audit
        )
        return existed
