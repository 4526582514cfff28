"""A rotation as a timeline: what was done, what waits (why, and until when), what may be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keyturn.console.words import count, left
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.gateway.traffic import Traffic
from keyturn.keyring.policy import RingPolicy
from keyturn.keyring.ring import KeyRing, RingKey
from keyturn.keyring.states import KeyState

YEAR: Final = timedelta(days=365)
"""Hosted Supabase advises to rotate at least that often."""


@dataclass(frozen=True)
class Entry:
    """One moment; ``kind`` is ``good`` (done, or may be done), ``wait``, ``bad`` or empty."""

    at: datetime | None
    kind: str
    word: str
    text: str
    more: str = ""


@dataclass(frozen=True)
class Facts:
    """What the timeline is told from; ``live`` and ``traffic`` are None when they are unknown."""

    ring: KeyRing
    policy: RingPolicy
    now: datetime
    api_keys: Sequence[ApiKeyRecord] = ()
    live: Mapping[str, int] | None = None
    traffic: Traffic | None = None


def timeline(facts: Facts) -> list[Entry]:
    """Return the moments in the order of time; without a key in use there are none."""
    if not facts.ring.in_state(KeyState.IN_USE):
        return []
    found = [_signs(facts), *_former(facts), *_next(facts), *_due(facts)]
    return sorted(found, key=lambda entry: entry.at or facts.now)


def _signs(facts: Facts) -> Entry:
    key = facts.ring.in_use
    since = key.promoted_at or key.created_at
    return Entry(since, "good", "done", f"{_named(key)} began to sign", _carried(facts, key))


def _former(facts: Facts) -> Iterator[Entry]:
    for key in facts.ring.in_state(KeyState.PREVIOUSLY_USED):
        until = key.tokens_until
        dependent = [one.name for one in facts.api_keys if one.active and one.kind == "legacy"]
        if until is None:
            continue
        if until > facts.now:
            why = (
                f"The last token that it signed expires then{_kept(key, until)}. Revoked sooner, "
                f"its users would get 401 until they refresh. {_carried(facts, key)}"
            )
            left_over = f"{left(until - facts.now)} left"
            yield Entry(until, "wait", left_over, f"{_named(key)} may be revoked", why.strip())
        elif key.legacy and dependent:
            why = f"The legacy API keys {', '.join(dependent)} are its tokens: turn them off first."
            yield Entry(until, "wait", "held", f"{_named(key)} cannot be revoked yet", why)
        else:
            why = "Its last token has expired: nothing depends on it any more."
            yield Entry(until, "good", "ready", f"{_named(key)} may be revoked", why)


def _next(facts: Facts) -> Iterator[Entry]:
    """Yield when the standby that was published first may sign."""
    if not facts.ring.standby:
        return
    key = facts.ring.standby[0]
    ready = facts.policy.may_sign_from(key)
    if ready <= facts.now:
        why = f"{_named(key)} has been published long enough for every cache to have it."
        yield Entry(ready, "good", "ready", "Rotating is safe", why)
        return
    wait, kept = facts.policy.publish_before_sign, facts.policy.jwks_max_age
    why = (
        f"It was published at {key.published_at:%H:%M} UTC and waits "
        f"{left(timedelta(seconds=wait))}: a cache may hold a JWKS without it for "
        f"{left(timedelta(seconds=kept))}, a client for longer, and would refuse what it signed. "
        f"{_learned(facts, key)}"
    )
    left_over = f"{left(ready - facts.now)} left"
    yield Entry(ready, "wait", left_over, f"{_named(key)} may sign", why.strip())


def _due(facts: Facts) -> Iterator[Entry]:
    key, planned = facts.ring.in_use, facts.policy.rotation_interval
    length = YEAR if planned is None else timedelta(seconds=planned)
    at = (key.promoted_at or key.created_at) + length
    text = "Rotate once a year at least" if planned is None else "The next planned rotation"
    kind, word = ("", "later") if at > facts.now else ("wait", "due")
    yield Entry(at, kind, word, text, "So that rotating stays a habit, and nobody fears it.")


def learned(traffic: Traffic, key: RingKey) -> tuple[int, int]:
    """Return how many clients fetched the JWKS since ``key`` is in it, and how many there are."""
    latest = {fetch.client: fetch.at for fetch in traffic.fetches}
    return sum(at >= key.published_at for at in latest.values()), len(latest)


def _learned(facts: Facts, key: RingKey) -> str:
    if facts.traffic is None or not facts.traffic.fetches:
        return ""
    some, every = learned(facts.traffic, key)
    return f"{some} of {count(every, 'reader')} of the JWKS asked for it since."


def _carried(facts: Facts, key: RingKey) -> str:
    if facts.live is None:
        return ""
    number = facts.live.get(key.kid, 0)
    if not number:
        return "No live token carries it."
    return f"≈ {count(number, 'live token')} {'carries' if number == 1 else 'carry'} it."


def _kept(key: RingKey, until: datetime) -> str:
    if key.retired_at is None:
        return ""
    length = left(until - key.retired_at)
    return f", {length} after it stopped: the life of a token, and what clocks may differ"


def _named(key: RingKey) -> str:
    return "The legacy secret" if key.legacy else f"Key {key.kid[:8]} ({key.alg})"
