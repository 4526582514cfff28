"""What sign-in with other providers needs: their servers, and where flows and accounts are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from keyturn.accounts.providers import Profile, Provider
from keyturn.accounts.sessions import Session
from keyturn.accounts.user import User
from keyturn.flows.ports.accounts import ClientInfo, NewSession, NewUser


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    """What a provider's token endpoint answered; empty members were not there."""

    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    """Of an OAuth 1.0a token."""
    profile: Mapping[str, object] = field(default_factory=dict, repr=False)
    """The profile that came along, of providers that send it so."""


class ProviderServers(Protocol):
    """Talks to providers. Every method raises ``external_exchange`` or ``external_profile``."""

    async def authorize_url(self, provider: Provider) -> str:
        """Return the provider's authorization endpoint, discovered when it is not known."""
        ...

    async def begin(self, provider: Provider, callback: str) -> tuple[str, str]:
        """OAuth 1.0a: return the page to go to, and what the flow keeps as its verifier."""
        ...

    async def exchange(
        self, provider: Provider, code: str, redirect_uri: str, verifier: str
    ) -> ProviderTokens:
        """Exchange an authorization code; of OAuth 1.0a: the ``oauth_verifier``."""
        ...

    async def profile(self, provider: Provider, tokens: ProviderTokens) -> Profile:
        """Return who signed in: from userinfo, or from the ID token, which is verified."""
        ...

    async def id_claims(self, provider: Provider, id_token: str) -> Mapping[str, object]:
        """Return the claims of an ID token that the provider's own keys have signed.

        Issuer, audience and times are checked. Raises ``OAuthRefusal("invalid request")``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in that is under way; its id is the ``state`` that the provider returns."""

    id: str
    provider: str
    redirect_to: str
    created_at: datetime
    auth_code: str | None = field(default=None, repr=False)
    challenge: str | None = None
    method: str | None = None
    verifier: str = field(default="", repr=False)
    """Ours towards the provider, where it speaks PKCE; of OAuth 1.0a: the request token."""
    invite_token: str = field(default="", repr=False)
    linking_target: str | None = None
    """The signed-in user whose account the identity is for."""
    used: bool = False
    """Somebody came back with it: with PKCE it stays until its code is exchanged."""


@dataclass(frozen=True, slots=True)
class Entered:
    """``verdict`` is ``ok`` or an error row; ``auth_code`` for PKCE, else a session."""

    verdict: str
    auth_code: str | None = field(default=None, repr=False)
    user: User | None = None
    session: Session | None = None
    linked: bool = False
    """An account that was there got an identity."""
    unverified: bool = False
    """The account waits for the confirmation of its address, whatever the verdict."""


class ExternalStore(Protocol):
    """Flows and external accounts; every method is one round trip."""

    async def begin(self, flow: Flow) -> None:
        """Keep a flow."""
        ...

    async def flow(self, flow_id: str) -> Flow | None:
        """Return a flow; ``used`` when somebody came back with it."""
        ...

    async def is_invited(self, token: str) -> bool:
        """Tell whether an invitation has this token."""
        ...

    async def is_new(self, provider: str, profile: Profile) -> bool:
        """Tell whether entering would make an account."""
        ...

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
        """Find or make the account, link the identity, and finish the flow.

        ``target``: the user who links by an ID token, without a flow. ``may_wait``: an account
        that waits for the confirmation of its address may be entered.
        """
        ...
