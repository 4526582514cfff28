"""Where passkeys and their ceremonies are kept; errors as in ``ports.accounts``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from keyturn.accounts.user import User
from keyturn.flows.ports.accounts import Actor, ClientInfo, NewSession, Opened


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey of an account."""

    id: str
    credential_id: bytes
    friendly_name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A challenge that was given out; ``session`` is JSON (``accounts.ceremonies``)."""

    user_id: str | None
    type: str
    session: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Presented:
    """A used-up challenge and the passkey that was presented; its members are None when unknown."""

    session: str = field(repr=False)
    expires_at: datetime
    passkey_id: str | None
    public_key: bytes | None = field(repr=False)
    sign_count: int
    user: User | None


class PasskeyStore(Protocol):
    """Passkeys in GoTrue's tables; every method is one round trip and one transaction."""

    async def start(self, ceremony_id: str, ceremony: Ceremony, now: datetime) -> None:
        """Remember a challenge."""
        ...

    async def ceremony(self, ceremony_id: str) -> Ceremony | None:
        """Return a challenge that was not used yet."""
        ...

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
        """Keep a new passkey and use its challenge up; ``ok`` or the name of an error row."""
        ...

    async def of_user(self, user_id: str) -> list[Passkey]:
        """Return the passkeys of an account, oldest first."""
        ...

    async def present(self, ceremony_id: str, credential_id: bytes) -> Presented | None:
        """Use a challenge up and find the passkey; None when there is no such challenge."""
        ...

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
        """Open a session; None when the passkey was deleted meanwhile."""
        ...

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
        """Rename, or with ``name`` None delete. False: the account has no such passkey."""
        ...
