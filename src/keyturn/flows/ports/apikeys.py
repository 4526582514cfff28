"""How flows reach the stored API keys: hashes, never the keys themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

Kind = Literal["publishable", "secret", "legacy"]
Role = Literal["anon", "service_role"]


@dataclass(frozen=True)
class ApiKeyRecord:
    """What is kept of an API key; times are aware UTC."""

    id: UUID
    name: str
    kind: Kind
    role: Role
    hash: bytes
    """SHA-256 of the key's text, 32 bytes."""
    prefix: str
    """Enough to recognise the key, at most six characters of its random part."""
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    description: str | None = None
    """What the key is for, in the words of whoever made it."""

    @property
    def active(self) -> bool:
        """True while requests with this key are served."""
        return self.revoked_at is None


class ApiKeyStore(Protocol):
    """Every change but ``touch`` is announced on the channel ``keyturn_api_keys`` and audited."""

    async def list(self) -> Sequence[ApiKeyRecord]:
        """Return all keys, revoked ones too, oldest first."""
        ...

    async def add(self, record: ApiKeyRecord, *, actor: str, reason: str | None) -> None:
        """Store ``record``; raises ``DuplicateName`` when an active key of its kind has it."""
        ...

    async def relabel(
        self,
        key_id: UUID,
        *,
        name: str,
        description: str | None,
        now: datetime,
        actor: str,
        reason: str | None,
    ) -> ApiKeyRecord | None:
        """Give an active key this name and description and return it; None when there is none.

        Raises ``DuplicateName`` when another active key of its kind has the name.
        """
        ...

    async def revoke(
        self, key_id: UUID, *, now: datetime, actor: str, reason: str | None
    ) -> ApiKeyRecord | None:
        """Revoke an active key and return it; None when there is no such active key."""
        ...

    async def touch(self, seen: Mapping[UUID | bytes, datetime]) -> None:
        """Record when keys, named by id or by hash, were last used; never moves a time back."""
        ...
