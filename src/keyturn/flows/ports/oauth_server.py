"""Where clients, authorizations and consents of the OAuth server are kept.

Every method is one round trip and one transaction. All raise ``Unreachable`` when the database is
down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from keyturn.accounts.oauth_clients import ClientChange, OAuthClient, Registration
from keyturn.accounts.oauth_server import AuthorizationRequest
from keyturn.accounts.settings import AuthSettings
from keyturn.flows.ports.accounts import ClientInfo, NewSession, Opened, RefreshOutcome


class Authorization(msgspec.Struct, frozen=True):
    """An authorization request as the user's consent page sees it."""

    authorization_id: str
    client: OAuthClient
    redirect_uri: str
    scope: str
    state: str = ""
    code: str = ""
    """Set once it is approved; the client exchanges it."""

    def __repr__(self) -> str:
        return f"Authorization({self.authorization_id})"


@dataclass(frozen=True, slots=True)
class CodeUse:
    """What a client shows at the token endpoint; ``challenges`` by PKCE method."""

    code: str = field(repr=False)
    client_id: str
    redirect_uri: str
    resource: str
    challenges: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodeOutcome:
    """``verdict`` is ``ok`` or why the code was refused."""

    verdict: str
    opened: Opened | None = None
    scope: str = ""
    nonce: str = ""


class OAuthGrant(msgspec.Struct, frozen=True):
    """A consent that holds."""

    client: OAuthClient
    scopes: str
    granted_at: datetime


class RefreshStore(Protocol):
    """The two refreshes of :class:`~keyturn.flows.ports.accounts.AccountStore`."""

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
        ...

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
        """Count a v2 session on; ``key`` when its column is encrypted."""
        ...


class OAuthStore(Protocol):
    """Clients, authorizations and consents in GoTrue's ``auth`` schema."""

    async def create_client(
        self, client_id: str, wanted: Registration, kind: str, secret_hash: str, now: datetime
    ) -> OAuthClient:
        """Register a client; ``kind`` is ``dynamic`` or ``manual``."""
        ...

    async def find_client(self, client_id: str) -> OAuthClient | None:
        """Return the client unless it is unknown or deleted."""
        ...

    async def list_clients(self) -> list[OAuthClient]:
        """Return all clients, newest first."""
        ...

    async def change_client(
        self, client_id: str, change: ClientChange, secret_hash: str | None, now: datetime
    ) -> OAuthClient | None:
        """Change a client, and its secret when a hash is given; None when there is none."""
        ...

    async def delete_client(self, client_id: str, now: datetime) -> bool:
        """Mark a client as deleted; False when there was none."""
        ...

    async def create_authorization(
        self, authorization_id: str, request: AuthorizationRequest, until: datetime, now: datetime
    ) -> None:
        """Keep a request until its user has decided."""
        ...

    async def look(
        self, authorization_id: str, user_id: str, code: str, now: datetime
    ) -> tuple[str, Authorization | None]:
        """Give a request to its user; ``code`` is used when an earlier consent covers it.

        The verdict is ``ok`` or the name of an error row.
        """
        ...

    async def decide(
        self, authorization_id: str, user_id: str, code: str, now: datetime, *, approve: bool
    ) -> tuple[str, Authorization | None]:
        """Approve with ``code``, or deny."""
        ...

    async def redeem_code(
        self, use: CodeUse, session: NewSession, client: ClientInfo, now: datetime, *, audit: bool
    ) -> CodeOutcome:
        """Use an authorization code, once, and open the client's session."""
        ...

    def refreshing(self, client_id: str) -> RefreshStore:
        """Return the refreshes of the sessions of this client, and of no others."""
        ...

    async def grants(self, user_id: str) -> list[OAuthGrant]:
        """Return the consents of a user, newest first."""
        ...

    async def revoke_grant(
        self, user_id: str, client_id: str, client: ClientInfo, now: datetime, *, audit: bool
    ) -> bool:
        """Take a consent back and end the client's sessions; False when there is none."""
        ...
