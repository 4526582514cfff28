"""Where second factors and their challenges are kept; errors as in :mod:`…ports.accounts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from keyturn.accounts.mfa import MfaSettings
from keyturn.accounts.user import User
from keyturn.flows.ports.accounts import Actor, ClientInfo, RefreshOutcome


@dataclass(frozen=True, slots=True)
class NewFactor:
    """A factor to enrol; ``secret`` as the column holds it, ``phone`` without plus sign."""

    id: str
    type: str
    friendly_name: str
    secret: str | None = field(default=None, repr=False)
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """A challenge to record; ``session_data`` is JSON of a WebAuthn ceremony."""

    id: str
    factor_id: str
    otp_code: str | None = field(default=None, repr=False)
    session_data: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verification is judged on; ``challenge_id`` is None when there is no such challenge.

    ``ip`` is the address that asked for the challenge.
    """

    secret: str | None = field(repr=False)
    credential: str | None = field(repr=False)
    challenge_id: str | None
    created_at: datetime | None
    verified_at: datetime | None
    ip: str | None
    otp_code: str | None = field(repr=False)
    session_data: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """A proven factor, and what has to be stored with it: None leaves the column alone."""

    factor_type: str
    method: str
    secret: str | None = field(default=None, repr=False)
    credential: Mapping[str, object] | None = None
    aaguid: str | None = None
    last_challenge: Mapping[str, object] | None = None


class FactorStore(Protocol):
    """Second factors in GoTrue's tables; every method is one round trip and one transaction."""

    async def unlink_identity(
        self, user_id: str, identity_id: str, client: ClientInfo, now: datetime, *, audit: bool
    ) -> None:
        """Remove an identity. Raises the rows of ``DELETE /user/identities/{id}``."""
        ...

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
        """Record an unverified factor; returns ``ok`` or the name of an error row."""
        ...

    async def challenge(
        self,
        user_id: str,
        challenge: NewChallenge,
        client: ClientInfo,
        now: datetime,
        *,
        audit: bool,
    ) -> bool:
        """Record a challenge; False when the factor is gone."""
        ...

    async def evidence(self, user_id: str, factor_id: str, challenge_id: str) -> Evidence | None:
        """Return what is known of a challenge; None when the factor is gone."""
        ...

    async def credentials(self, user_id: str) -> Mapping[str, str]:
        """Return the WebAuthn credentials of a user's factors as their columns hold them."""
        ...

    async def drop_challenge(self, challenge_id: str) -> None:
        """Forget an expired challenge."""
        ...

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
        """Lift the session to ``aal2`` and replace its refresh token.

        Other sessions at ``aal1`` end; unverified factors of the same kind go.
        """
        ...

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
        """Remove a factor; the sessions that it lifted fall back. False: it was gone."""
        ...

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
        """Set ``friendly_name`` and ``phone``. False: no such factor."""
        ...

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
        """Remove a factor as :meth:`unenroll` does. False: no such factor."""
        ...
