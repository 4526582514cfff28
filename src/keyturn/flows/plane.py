"""What every account flow works with, and what it hands back."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from keyturn.accounts.errors import WeakPassword
from keyturn.accounts.sessions import Session
from keyturn.accounts.settings import AuthSettings
from keyturn.accounts.user import User
from keyturn.clock import Clock
from keyturn.flows.ports.accounts import AccountStore, ClientInfo
from keyturn.flows.ports.columns import ColumnCipher
from keyturn.flows.ports.custom_providers import CustomProviderStore
from keyturn.flows.ports.external import ExternalStore, ProviderServers
from keyturn.flows.ports.factors import FactorStore
from keyturn.flows.ports.guards import CaptchaService, LeakedPasswords, RateLimiter
from keyturn.flows.ports.hashing import PasswordHasher
from keyturn.flows.ports.hooks import HookCaller
from keyturn.flows.ports.messages import Messages
from keyturn.flows.ports.oauth_server import OAuthStore
from keyturn.flows.ports.passkeys import PasskeyStore
from keyturn.flows.ports.ring import RingSource
from keyturn.flows.ports.sessions import SessionStore

_AGENT_LIMIT = 512


@dataclass(slots=True)
class AuthPlane:
    """The dependencies of the account flows; ``entropy(n)`` returns ``n`` random bytes."""

    settings: AuthSettings
    accounts: AccountStore
    factors: FactorStore
    columns: ColumnCipher
    sessions: SessionStore
    limiter: RateLimiter
    passkeys: PasskeyStore
    ring: RingSource
    hasher: PasswordHasher
    hooks: HookCaller
    oauth: OAuthStore
    external: ExternalStore
    providers: ProviderServers
    custom_providers: CustomProviderStore
    clock: Clock
    entropy: Callable[[int], bytes]
    messages: Messages | None = None
    """None: nothing is sent, and what needs it is refused."""
    captcha: CaptchaService | None = None
    leaked: LeakedPasswords | None = None


@lru_cache(maxsize=4096)
def client_info(ip: str | None, user_agent: str | None) -> ClientInfo:
    """Return storable facts of a client: an address that is none is dropped, long text is cut."""
    agent = (user_agent or "").replace("\0", "").encode("utf-8", "replace").decode()
    return ClientInfo(ip=_address(ip), user_agent=agent[:_AGENT_LIMIT])


def _address(ip: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address((ip or "").partition("%")[0]))
    except ValueError:
        return None


class RefreshFacts(msgspec.Struct, frozen=True):
    """For the ``sb-auth-refresh-token-*`` headers: v1 has a prefix, v2 has a counter.

    ``cause`` is empty unless ``reused``.
    """

    rotated: bool = False
    reused: bool = False
    cause: str = ""
    prefix: str | None = None
    counter: int | None = None


class Granted(msgspec.Struct, frozen=True):
    """A signed-in user: both tokens, the account, and facts for response headers."""

    access_token: str
    expires_in: int
    expires_at: int
    refresh_token: str
    user: User
    session_id: str
    refresh: RefreshFacts = RefreshFacts()
    weak_password: WeakPassword | None = None
    provider_token: str | None = None
    provider_refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"Granted(user={self.user.id}, session={self.session_id})"


@dataclass(frozen=True, slots=True)
class Caller:
    """A user whose bearer token was verified and whose account and session exist."""

    claims: Mapping[str, object]
    user: User
    session: Session | None


@dataclass(frozen=True, slots=True)
class Admin:
    """The bearer of an admin role; ``user`` is None for an API key's token."""

    claims: Mapping[str, object]
    user: User | None = None
