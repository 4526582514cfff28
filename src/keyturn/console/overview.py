"""What the overview page says: values in, sentences out. Nothing here is a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyturn.console.timeline import Facts
from keyturn.console.words import STATE_WORDS, clock, count, left
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.gateway.traffic import Traffic
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import STATES, KeyState


@dataclass(frozen=True)
class PartLine:
    """One part of the stack, as a person wants to see it."""

    name: str
    state: str
    healthy: bool
    since: datetime
    restarts: int
    last_exit: str | None


@dataclass(frozen=True)
class Addresses:
    """Where things are."""

    api: str
    jwks: str
    data_dir: str
    public_jwks: str | None = None
    """The JWKS as clients elsewhere reach it, when that is another address."""


@dataclass(frozen=True)
class Overview:
    """Everything that the page shows."""

    now: datetime
    addresses: Addresses
    parts: Sequence[PartLine]
    ring: KeyRing | None
    api_keys: Sequence[ApiKeyRecord]
    policy: RingPolicy
    live: Mapping[str, int] | None = None
    """Key → live tokens; None: not known."""
    traffic: Traffic | None = None
    """The last hour of the gateway; None: not known."""
    trouble: str | None = None
    """Why something could not be read, in words."""

    @property
    def facts(self) -> Facts | None:
        """What timeline, evidence and concerns are told from; None without a ring."""
        if self.ring is None:
            return None
        return Facts(self.ring, self.policy, self.now, self.api_keys, self.live, self.traffic)


@dataclass(frozen=True)
class KeyLine:
    """One row of the key table."""

    kid: str
    alg: str
    state: KeyState
    word: str
    meaning: str
    note: str


@dataclass(frozen=True)
class Statement:
    """How things stand, in one sentence; ``good`` chooses its colour."""

    text: str
    good: bool


def statement(view: Overview) -> Statement:
    """Say how things stand: the first trouble, else what signs and what is left of before."""
    if view.trouble:
        return Statement(view.trouble, False)
    ill = [part for part in view.parts if not part.healthy]
    if ill:
        names = ", ".join(f"{part.name} ({part.state})" for part in ill)
        return Statement(f"Not everything is up: {names}.", False)
    if view.ring is None or not view.ring.in_state(KeyState.IN_USE):
        return Statement("No signing key is in use yet.", False)
    return Statement("; ".join([_signed(view, view.ring), *_legacy(view, view.ring)]) + ".", True)


def _signed(view: Overview, ring: KeyRing) -> str:
    key = ring.in_use
    what = f"the legacy secret ({key.alg})" if key.legacy else key.alg
    if view.live is None:
        return f"New tokens are signed with {what}"
    others = [one for one in ring.keys if one.alg != key.alg and view.live.get(one.kid)]
    if not others:
        return f"All sessions are signed with {what}"
    number = count(sum(view.live[one.kid] for one in others), "live token")
    algs = " and ".join(sorted({one.alg for one in others}))
    return f"New tokens are signed with {what}, while ≈ {number} of {algs} run out"


def _legacy(view: Overview, ring: KeyRing) -> list[str]:
    """Say how many legacy tokens are still about, as long as that matters."""
    if view.traffic is None or ring.in_use.alg == "HS256":
        return []
    seen = view.traffic.legacy_tokens
    if seen:
        times = "once" if seen == 1 else f"{seen} times"
        return [f"legacy tokens were seen {times} in the last hour"]
    return [] if ring.has_legacy is None else ["no legacy token was seen in the last hour"]


def key_lines(view: Overview) -> list[KeyLine]:
    """Return the keys, the one in use first, revoked ones last."""
    if view.ring is None:
        return []
    order = list(STATE_WORDS)
    keys = sorted(view.ring.keys, key=lambda key: (order.index(key.state), key.created_at))
    return [
        KeyLine(
            kid=key.kid,
            alg=key.alg,
            state=key.state,
            word=STATE_WORDS[key.state],
            meaning=STATES[key.state].meaning,
            note=_note(key, view),
        )
        for key in keys
    ]


def _note(key: RingKey, view: Overview) -> str:
    """Say what the next step for ``key`` waits for."""
    if key.state is KeyState.STANDBY:
        ready = view.policy.may_sign_from(key)
        if ready > view.now:
            return f"may sign from {clock(ready)} (in {left(ready - view.now)})"
        return "may be promoted"
    if key.state is KeyState.PREVIOUSLY_USED and key.tokens_until is not None:
        if key.tokens_until > view.now:
            return f"its last token expires at {clock(key.tokens_until)}"
        return "its last token has expired: it may be revoked"
    if key.state is KeyState.IN_USE and key.legacy:
        return "the imported JWT_SECRET: whoever can verify can also forge"
    return ""
