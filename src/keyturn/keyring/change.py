"""A change of the ring as a value: what is done to which key, by whom, when and why.

A store applies a change to exactly the version it was made for, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyturn.keyring.ring import KeyRing, RingKey, check
from keyturn.keyring.states import KeyState, Verb


@dataclass(frozen=True)
class Intent:
    """Who wants a change, when (aware UTC) and why; ``force`` skips waits and needs a reason."""

    now: datetime
    actor: str
    reason: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Step:
    """One key from one state to the next; ``key`` is how it looks afterwards, None when deleted."""

    verb: Verb
    kid: str
    alg: str
    source: KeyState | None
    target: KeyState | None
    key: RingKey | None
    overridden: str | None = None
    """The guard that ``force`` skipped, in words, for the audit log."""


@dataclass(frozen=True)
class RingChange:
    """Steps in the order in which they must be applied, with the intent behind them."""

    intent: Intent
    steps: tuple[Step, ...]

    def result(self, ring: KeyRing) -> KeyRing:
        """Return ``ring`` after this change, one version later; raises ``BrokenRing``."""
        keys = {key.kid: key for key in ring.keys}
        for step in self.steps:
            if step.key is None:
                del keys[step.kid]
            else:
                keys[step.kid] = step.key
        after = KeyRing(ring.version + 1, tuple(keys.values()), ring.token_life)
        check(after)
        return after
