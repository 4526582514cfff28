"""Second factors in PostgreSQL: every method is one round trip (migrations 0041 and 0042)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from keyturn.accounts.errors import refuse
from keyturn.accounts.mfa import MfaSettings
from keyturn.accounts.user import User
from keyturn.adapters.postgres import account_rows
from keyturn.adapters.postgres.account_errors import translated
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.flows.ports.accounts import Actor, ClientInfo, RefreshOutcome
from keyturn.flows.ports.factors import Evidence, NewChallenge, NewFactor, Proof

_PACKAGE: Final = "keyturn.adapters.postgres"
_UNLINK: Final = load(_PACKAGE, "accounts/unlink_identity")
_ENROLL: Final = load(_PACKAGE, "factors/enroll")
_CHALLENGE: Final = load(_PACKAGE, "factors/challenge")
_EVIDENCE: Final = load(_PACKAGE, "factors/evidence")
_CREDENTIALS: Final = load(_PACKAGE, "factors/credentials")
_DROP_CHALLENGE: Final = load(_PACKAGE, "factors/drop_challenge")
_VERIFY: Final = load(_PACKAGE, "factors/verify")
_UNENROLL: Final = load(_PACKAGE, "factors/unenroll")
_ADMIN_CHANGE: Final = load(_PACKAGE, "factors/admin_change")
_ADMIN_DELETE: Final = load(_PACKAGE, "factors/admin_delete")


class PostgresFactorStore:
    """Implements :class:`keyturn.flows.ports.factors.FactorStore`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool

    async def unlink_identity(
        self, user_id: str, identity_id: str, client: ClientInfo, now: datetime, *, audit: bool
    ) -> None:
        """Remove an identity."""
        with translated("updating_user"):
            verdict = await self._pool.fetchval(
                _UNLINK, user_id, identity_id, now, client.ip, audit
            )
        if verdict != "ok":
            raise refuse(verdict)

    async def enroll(
        self,
        user: User,
        factor: NewFactor,
        aal: str,
        rules: MfaSettings,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> str:
        """Record an unverified factor."""
        with translated("enrolling_factor"):
            verdict: str = await self._pool.fetchval(
                _ENROLL,
                user.id,
                account_rows.document(factor),
                aal,
                rules.most_enrolled,
                rules.most_verified,
                rules.factor_life,
                now,
                client.ip,
                audit,
            )
        return verdict

    async def challenge(
        self,
        user_id: str,
        challenge: NewChallenge,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> bool:
        """Record a challenge."""
        found: bool = await self._pool.fetchval(
            _CHALLENGE,
            user_id,
            challenge.factor_id,
            challenge.id,
            challenge.otp_code,
            challenge.session_data,
            now,
            client.ip,
            audit,
        )
        return found

    async def evidence(self, user_id: str, factor_id: str, challenge_id: str) -> Evidence | None:
        """Return what is known of a challenge."""
        row = await self._pool.fetchrow(_EVIDENCE, user_id, factor_id, challenge_id)
        return None if row is None else Evidence(*tuple(row))

    async def credentials(self, user_id: str) -> Mapping[str, str]:
        """Return the WebAuthn credentials of a user's factors, by factor id."""
        rows = await self._pool.fetch(_CREDENTIALS, user_id)
        return {row["id"]: row["credential"] for row in rows}

    async def drop_challenge(self, challenge_id: str) -> None:
        """Forget an expired challenge."""
        await self._pool.fetchval(_DROP_CHALLENGE, challenge_id)

    async def verify(
        self,
        user_id: str,
        session_id: str,
        factor_id: str,
        challenge_id: str,
        proof: Proof,
        new_token: str,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> RefreshOutcome:
        """Lift the session and replace its refresh token."""
        row = await self._pool.fetchrow(
            _VERIFY,
            user_id,
            session_id,
            factor_id,
            challenge_id,
            account_rows.document(proof),
            new_token,
            now,
            client.ip,
            audit,
        )
        return account_rows.refreshed(row)

    async def unenroll(
        self,
        user_id: str,
        factor_id: str,
        session_id: str,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> bool:
        """Remove a factor."""
        existed: bool = await self._pool.fetchval(
            _UNENROLL, user_id, factor_id, session_id, now, client.ip, audit
        )
        return existed

    async def admin_change(
        self,
        user_id: str,
        factor_id: str,
        change: Mapping[str, str],
        actor: Actor,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> bool:
        """Set name and number of a factor."""
        with translated("enrolling_factor"):
            existed: bool = await self._pool.fetchval(
                _ADMIN_CHANGE,
                user_id,
                factor_id,
                msgspec.json.encode(change).decode(),
                account_rows.document(actor),
                now,
                client.ip,
                audit,
            )
        return existed

    async def admin_delete(
        self,
        user_id: str,
        factor_id: str,
        actor: Actor,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> bool:
        """Remove a factor."""
        existed: bool = await self._pool.fetchval(
            _ADMIN_DELETE, user_id, factor_id, account_rows.document(actor), now, client.ip, audit
        )
        return existed
