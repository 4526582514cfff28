"""How flows record that somebody signed a token by hand."""

from __future__ import annotations

from typing import Protocol

from keyturn.keyring.change import Intent
from keyturn.keyring.summary import KeySummary


class TokenLog(Protocol):
    """The append-only audit log, as far as tokens go."""

    async def record_mint(self, intent: Intent, key: KeySummary, ring_version: int) -> None:
        """Write down who has a token signed with ``key``, and why; raises ``Unreachable``."""
        ...
