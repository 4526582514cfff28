"""The ring as a picture: a lane per state, in each its keys with what they wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyturn.clock import from_unix
from keyturn.console.words import STATE_WORDS, clock, left
from keyturn.errors import KeyturnError, WaitNotOver
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import STATES, KeyState

_LANES = (KeyState.STANDBY, KeyState.IN_USE, KeyState.PREVIOUSLY_USED, KeyState.REVOKED)
_EMPTY = {
    KeyState.STANDBY: "No key stands by. Create one, so that a rotation need not wait.",
    KeyState.IN_USE: "No key signs.",
    KeyState.PREVIOUSLY_USED: "None. After a rotation the former key waits here until its last "
    "token has expired.",
    KeyState.REVOKED: "None. Keys that nobody trusts any more end up here.",
}


@dataclass(frozen=True)
class Card:
    """One key in its lane."""

    key: RingKey
    age: timedelta
    """Since it entered its state."""
    note: str
    """What the next step waits for, or that it may be taken."""
    ready: bool
    """Whether the next step of its life may be taken."""


@dataclass(frozen=True)
class Lane:
    """One state with its keys, the newest in it first."""

    state: KeyState
    word: str
    meaning: str
    cards: Sequence[Card]
    empty: str


@dataclass(frozen=True)
class Refusal:
    """Why a step is not taken now, and from when on it would be."""

    error: KeyturnError
    until: datetime | None


def lanes_of(ring: KeyRing, policy: RingPolicy, now: datetime) -> Mapping[KeyState, Lane]:
    """Return the picture, in the order of a key's life."""
    return {
        state: Lane(
            state,
            STATE_WORDS[state],
            STATES[state].meaning,
            [_card(key, policy, now) for key in reversed(ring.in_state(state))],
            _EMPTY[state],
        )
        for state in _LANES
    }


async def refusal_of(rehearsed: Callable[[], Awaitable[object]]) -> Refusal | None:
    """Return why a verb that changes nothing was refused, None when it would be done."""
    try:
        await rehearsed()
    except KeyturnError as error:
        until = from_unix(error.until_unix) if isinstance(error, WaitNotOver) else None
        return Refusal(error, until)
    return None


def _card(key: RingKey, policy: RingPolicy, now: datetime) -> Card:
    since = {
        KeyState.STANDBY: key.published_at,
        KeyState.IN_USE: key.promoted_at,
        KeyState.PREVIOUSLY_USED: key.retired_at,
        KeyState.REVOKED: key.revoked_at,
    }[key.state]
    note, ready = _next_step(key, policy, now)
    return Card(key, now - (since or key.created_at), note, ready)


def _next_step(key: RingKey, policy: RingPolicy, now: datetime) -> tuple[str, bool]:
    if key.state is KeyState.STANDBY:
        ready = policy.may_sign_from(key)
        if ready > now:
            return f"May sign from {clock(ready)}, in {left(ready - now)}.", False
        return "Known everywhere: it may sign.", True
    if key.state is KeyState.PREVIOUSLY_USED and key.tokens_until is not None:
        if key.tokens_until > now:
            rest = left(key.tokens_until - now)
            return f"Its last token expires at {clock(key.tokens_until)}, in {rest}.", False
        return "Its last token has expired: it may be revoked.", True
    if key.state is KeyState.IN_USE and key.legacy:
        return "The imported JWT_SECRET: whoever can verify can also forge.", False
    return "", False
