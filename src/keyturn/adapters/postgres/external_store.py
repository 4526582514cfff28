"""Flows of external sign-in and the accounts that they lead to (migrations 0091 and 0092)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from keyturn.accounts.providers import Profile
from keyturn.adapters.postgres import account_rows
from keyturn.adapters.postgres.account_errors import translated
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.queries import load
from keyturn.flows.ports.accounts import ClientInfo, NewSession, NewUser
from keyturn.flows.ports.external import Entered, Flow, ProviderTokens

_PACKAGE: Final = "keyturn.adapters.postgres"
_BEGIN: Final = load(_PACKAGE, "external/begin")
_ENTER: Final = load(_PACKAGE, "external/enter")
_FLOW: Final = load(_PACKAGE, "external/flow")
_IS_INVITED: Final = load(_PACKAGE, "external/is_invited")
_IS_NEW: Final = load(_PACKAGE, "external/is_new")


class PostgresExternalStore:
    """Implements :class:`keyturn.flows.ports.external.ExternalStore`."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` connects as ``supabase_auth_admin`` to a migrated database."""
        self._pool = pool

    async def begin(self, flow: Flow) -> None:
        """Keep a flow."""
        with translated("saving_authorization"):
            await self._pool.fetchval(_BEGIN, _json(_begun(flow)), flow.created_at)

    async def flow(self, flow_id: str) -> Flow | None:
        """Return a flow; ``used`` when somebody came back with it."""
        row = await self._pool.fetchrow(_FLOW, flow_id)
        return None if row is None else Flow(*tuple(row))

    async def is_invited(self, token: str) -> bool:
        """Tell whether ``token`` is that of an invitation, or another open confirmation."""
        return bool(await self._pool.fetchval(_IS_INVITED, token))

    async def is_new(self, provider: str, profile: Profile) -> bool:
        """Tell whether entering would make an account."""
        verified = [email.address for email in profile.emails if email.verified]
        return bool(await self._pool.fetchval(_IS_NEW, provider, profile.sub, verified))

    async def enter(
        self,
        flow_id: str | None,
        provider: str,
        profile: Profile,
        new: NewUser,
        tokens: ProviderTokens,
        session: NewSession,
        client: ClientInfo,
        now: datetime,
        *,
        target: str | None = None,
        may_sign_up: bool,
        may_wait: bool,
        autoconfirm: bool,
        audit: bool,
    ) -> Entered:
        """Find or make the account, link the identity, and finish the flow."""
        with translated("saving_user"):
            row: Any = await self._pool.fetchrow(
                _ENTER,
                flow_id,
                _json({**_identity(provider, profile), "target": target, "unverified": may_wait}),
                account_rows.document(new),
                may_sign_up,
                autoconfirm,
                _json({"access_token": tokens.access_token, "refresh_token": tokens.refresh_token}),
                session.id,
                session.token,
                session.hmac_key,
                now,
                client.ip,
                client.user_agent,
                audit,
            )
        who, opened = row["who"], row["opened"]
        return Entered(
            row["verdict"],
            row["auth_code"],
            account_rows.user(who) if who else None,
            account_rows.session(opened) if opened else None,
            linked=bool(row["linked"]),
            unverified=row["unverified"],
        )


def _begun(flow: Flow) -> dict[str, object]:
    return {
        "id": flow.id,
        "provider": flow.provider,
        "referrer": flow.redirect_to,
        "auth_code": flow.auth_code,
        "challenge": flow.challenge,
        "method": flow.method,
        "verifier": flow.verifier,
        "invite_token": flow.invite_token,
        "target": flow.linking_target,
    }


def _identity(provider: str, profile: Profile) -> dict[str, object]:
    primary = profile.primary
    return {
        "provider": provider,
        "sub": profile.sub,
        "email": primary.address,
        "email_verified": primary.verified,
        "emails": [
            {"email": email.address, "verified": email.verified} for email in profile.emails
        ],
        "data": profile.data,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
