"""What can be told of the ring without opening or even importing any cryptography.

`keyturn keys list` reads only this, so it starts fast and needs no master key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyturn.keyring.states import STATES, KeyState


@dataclass(frozen=True, kw_only=True)
class KeySummary:
    """One signing key and its history; all times are aware UTC."""

    kid: str
    """Its name in the ring. A legacy key has one too, though its tokens carry none."""
    alg: str
    state: KeyState
    legacy: bool
    """An imported ``JWT_SECRET``: its tokens have no ``kid``."""
    created_at: datetime
    published_at: datetime
    promoted_at: datetime | None = None
    retired_at: datetime | None = None
    revoked_at: datetime | None = None
    tokens_until: datetime | None = None
    """When the last token that it signed has expired (set when it stops signing)."""
    token_life: int = 0
    """The longest life, in seconds, that any server gave a token while this key was in use."""

    @property
    def symmetric(self) -> bool:
        """True when the verifying half is the secret itself, so it is never published."""
        return self.alg.startswith("HS")

    @property
    def verifies(self) -> bool:
        """True when tokens that it signed are accepted."""
        return STATES[self.state].verifies


@dataclass(frozen=True)
class RingSummary:
    """All keys, oldest first, at one version of the ring."""

    version: int
    keys: tuple[KeySummary, ...]
    token_life: int = 0
    """The access-token life, in seconds, that the servers announced last."""


@dataclass(frozen=True)
class AuditEntry:
    """One line of the append-only audit log."""

    at: datetime
    actor: str
    subject: str
    """``signing_key`` or ``api_key``."""
    subject_id: str
    verb: str
    from_state: str | None
    to_state: str | None
    reason: str | None
    overridden: str | None
    ring_version: int | None
