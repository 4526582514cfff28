"""Where accounts, sessions and refresh tokens are kept.

Every method is one round trip to the database and one transaction. All of them raise
``Unreachable`` when the database is down, ``AuthError("text_not_storable")`` for text that
PostgreSQL cannot hold, and the writing ones ``DatabaseRefused`` when the operator's own trigger or
constraint objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from keyturn.accounts.sessions import Session
from keyturn.accounts.settings import AuthSettings
from keyturn.accounts.user import User


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Where a request came from; ``ip`` is a valid address or None (build: ``client_info``)."""

    ip: str | None = None
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account with its stored password hash (None: it has none)."""

    user: User
    password_hash: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to open: v1 brings ``token``, v2 brings a key (base64url of 32 bytes).

    ``hmac_key`` is the key as its column holds it, perhaps encrypted, ``plain_key`` the key.
    """

    id: str
    method: str  # AMR method: password, anonymous
    provider: str  # trait of the login entry in the audit log: email, phone, anonymous
    token: str | None = field(default=None, repr=False)
    hmac_key: str | None = field(default=None, repr=False)
    plain_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to create; ``email`` and ``phone`` are normalised, empty when absent.

    ``role`` may be empty. Identities follow from ``email`` and ``phone``; ``identity_data`` is
    merged under the members that GoTrue puts there itself.
    """

    id: str
    aud: str
    role: str
    email: str = ""
    phone: str = ""
    password_hash: str | None = field(default=None, repr=False)
    user_metadata: Mapping[str, object] = field(default_factory=dict)
    app_metadata: Mapping[str, object] = field(default_factory=dict)
    identity_data: Mapping[str, object] = field(default_factory=dict)
    confirm_email: bool = False
    confirm_phone: bool = False
    is_anonymous: bool = False
    banned_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserChange:
    """What to change; None and False leave things alone.

    Metadata is a patch: a null member is removed. A new password ends all sessions except
    ``keep_session``. ``role`` is applied when not empty; ``lift_ban`` wins over ``banned_until``.
    """

    email: str | None = None
    phone: str | None = None
    password_hash: str | None = field(default=None, repr=False)
    keep_session: str | None = None
    user_metadata: Mapping[str, object] | None = None
    app_metadata: Mapping[str, object] | None = None
    role: str | None = None
    confirm_email: bool = False
    confirm_phone: bool = False
    banned_until: datetime | None = None
    lift_ban: bool = False


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, for the audit log; an API key has the nil UUID and its role as ``username``."""

    id: str
    username: str
    via_sso: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """An account with its new session."""

    user: User
    session: Session


class RefreshOutcome(msgspec.Struct, frozen=True):
    """What a refresh did.

    ``verdict``: ``ok``, ``locked``, ``sealed_key``, ``key_wanted`` or an error row's name.

    v1 answers with ``token``; v2 with ``hmac_key`` and ``counter``. ``cause`` is empty when the
    token was swapped, else why the current one was handed out again.
    """

    verdict: str
    cause: str = ""
    token: str | None = None
    hmac_key: str | None = None
    counter: int | None = None
    user: User | None = None
    session: Session | None = None

    def __repr__(self) -> str:
        return f"RefreshOutcome({self.verdict}, {self.cause})"


@dataclass(frozen=True, slots=True)
class UserQuery:
    """One page of accounts: ``filter`` matches e-mail, full name or id as GoTrue does."""

    aud: str
    page: int = 1
    per_page: int = 50
    filter: str = ""
    descending: bool = True


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page and the number of accounts on all pages."""

    users: list[User]
    total: int


class AccountStore(Protocol):
    """Accounts, sessions and refresh tokens in GoTrue's ``auth`` schema."""

    async def find_by_email(self, email: str, aud: str) -> Credentials | None:
        """Return the non-SSO account with this lower-case address in ``aud``."""
        ...

    async def find_by_phone(self, phone: str, aud: str) -> Credentials | None:
        """Return the account with this E.164 number (no plus sign) in ``aud``."""
        ...

    async def credentials(self, user_id: str) -> Credentials | None:
        """Return the account ``user_id`` with its password hash."""
        ...

    async def caller(
        self, user_id: str, session_id: str | None
    ) -> tuple[User | None, Session | None]:
        """Return the account and, if asked for and theirs, its session."""
        ...

    async def session_end(
        self, user_id: str, session_id: str, settings: AuthSettings, now: datetime
    ) -> str | None:
        """Return why a session may not be refreshed any more (an error row), or None."""
        ...

    async def create_user(
        self, new: NewUser, actor: Actor | None, client: ClientInfo, now: datetime, *, audit: bool
    ) -> User:
        """Create an account and its identities. Raises ``email_exists``/``phone_exists``."""
        ...

    async def sign_up(
        self, new: NewUser, session: NewSession, client: ClientInfo, now: datetime, *, audit: bool
    ) -> Opened:
        """Create an account and sign it in, in one transaction."""
        ...

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
        """Sign in; None when the hash is no longer the one that was verified.

        ``new_hash`` replaces it in the same transaction.
        """
        ...

    async def refresh_v1(
        self,
        token: str,
        new_token: str,
        new_key: str | None,
        settings: AuthSettings,
        client: ClientInfo,
        now: datetime,
    ) -> RefreshOutcome:
        """Swap the v1 ``token`` for ``new_token``, by the rules of gotrue.md §3.3.

        ``new_key`` becomes the session's key, as its column holds it, when it is upgraded to v2;
        empty: it is not. None: verdict ``key_wanted`` names the session, and nothing is written.
        """
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
        """Count the session on; ``tag`` is the first 16 bytes of its HMAC over ``signed``.

        Verdict ``sealed_key``: the column, in ``hmac_key``, is encrypted; ask again with ``key``.
        """
        ...

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
        """Delete sessions: ``local`` this one, ``others`` all but this one, ``global`` all."""
        ...

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
        """Apply ``change``. Raises ``user_not_found``, ``email_exists``, ``phone_exists``."""
        ...

    async def list_users(self, query: UserQuery) -> UserPage:
        """Return one page, sorted by creation time."""
        ...

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
        """Delete the account; ``soft`` keeps an unrecognisable row. Raises ``user_not_found``."""
        ...
