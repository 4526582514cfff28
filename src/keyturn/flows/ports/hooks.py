"""How flows ask an operator's hook: one document there, one document back."""

from __future__ import annotations

from typing import Protocol

from keyturn.accounts.hooks import HookTarget


class HookCaller(Protocol):
    """Calls hooks, with the limits of gotrue.md §6.5."""

    async def call(self, target: HookTarget, payload: bytes) -> bytes | None:
        """Send the JSON ``payload`` and return the JSON answer; None: it had none.

        Raises ``HookFailed`` with GoTrue's codes for a hook that does not answer properly, and
        ``DatabaseRefused`` with what a function raised.
        """
        ...
