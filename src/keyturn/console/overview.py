"""What the overview page says: values in, sentences out. Nothing here is a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyturn.console.words import STATE_WORDS, ago, clock, count
from keyturn.flows.ports.apikeys import ApiKeyRecord
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
    publish_before_sign: timedelta
    legacy_seen: int | None = None
    """Requests with a legacy token in the last hour; None: not known."""
    trouble: str | None = None
    """Why something could not be read, in words."""


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
    """Say how things stand: the first trouble, else that all is well and who signs."""
    if view.trouble:
        return Statement(view.trouble, False)
    ill = [part for part in view.parts if not part.healthy]
    if ill:
        names = ", ".join(f"{part.name} ({part.state})" for part in ill)
        return Statement(f"Not everything is up: {names}.", False)
    if view.ring is None or not view.ring.in_state(KeyState.IN_USE):
        return Statement("No signing key is in use yet.", False)
    key = view.ring.in_use
    number = len(view.ring.standby)
    waiting = "1 key stands by" if number == 1 else f"{number} keys stand by"
    since = ago(view.now - (key.promoted_at or key.created_at))
    return Statement(
        f"All {len(view.parts)} parts are up. Tokens have been signed with {key.alg} key "
        f"{key.kid[:8]} for {since}; {waiting}.{_legacy(view, view.ring)}",
        True,
    )


def _legacy(view: Overview, ring: KeyRing) -> str:
    """Say how many legacy tokens are still about, as long as that matters."""
    if view.legacy_seen is None or (ring.has_legacy is None and not view.legacy_seen):
        return ""
    if not view.legacy_seen:
        return " No legacy token was seen in the last hour."
    seen = count(view.legacy_seen, "request")
    return f" {seen} with a legacy token came in the last hour."


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
        ready = key.published_at + view.publish_before_sign
        if ready > view.now:
            return f"may sign from {clock(ready)} (in {ago(ready - view.now)})"
        return "may be promoted"
    if key.state is KeyState.PREVIOUSLY_USED and key.tokens_until is not None:
        if key.tokens_until > view.now:
            return f"its last token expires at {clock(key.tokens_until)}"
        return "its last token has expired: it may be revoked"
    if key.state is KeyState.IN_USE and key.legacy:
        return "the imported JWT_SECRET: whoever can verify can also forge"
    return ""
