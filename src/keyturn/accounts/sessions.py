"""A session, how its user proved who they are (AMR), and the assurance level that follows."""

from __future__ import annotations

from datetime import datetime

import msgspec

_SECOND_FACTORS = frozenset({"totp", "mfa/phone", "mfa/webauthn"})


class Amr(msgspec.Struct, frozen=True):
    """One authentication method of a session; ``timestamp`` is in Unix seconds."""

    method: str
    timestamp: int


class Session(msgspec.Struct, frozen=True):
    """What claims and checks need of one row of ``auth.sessions``; ``amr`` is newest first."""

    id: str
    created_at: datetime
    amr: tuple[Amr, ...] = ()
    oauth_client_id: str | None = None
    scopes: str | None = None

    @property
    def aal(self) -> str:
        """``aal2`` once a second factor was verified, else ``aal1`` (GoTrue computes it so)."""
        return "aal2" if any(entry.method in _SECOND_FACTORS for entry in self.amr) else "aal1"
