"""The life of a cached key set: an immutable state, the events that change it, the questions.

Times are seconds of a steady clock (one that only goes forward); ``now`` is always an argument.
The generation counts the key sets that differ: verdicts bound to one die with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from keyturn.jose.jwks import KeySet
from keyturn.verify.jwks_policy import CachePolicy


class Origin(StrEnum):
    """Where a key set came from."""

    FETCHED = "fetched"
    PUSHED = "pushed"
    FILE = "file"
    STATIC = "static"


class Need(StrEnum):
    """Why a caller wants a fetch now."""

    KEYS = "keys"
    """There is no key set that may be used."""
    KID = "kid"
    """There is one, and a token names a key that is not in it."""


@dataclass(frozen=True)
class Snapshot:
    """One key set and the times that bound its use.

    Until ``refresh_from`` it is left alone; from then on it is fetched again in the background;
    after ``soft_until`` it is stale; from ``hard_until`` it is not used any more.
    """

    generation: int
    keys: KeySet
    origin: Origin
    confirmed_at: float
    refresh_from: float
    soft_until: float
    hard_until: float
    etag: str | None = None


@dataclass(frozen=True)
class CacheState:
    """All that is known; ``failures`` counts those in a row, ``last_error`` is the latest."""

    generation: int = 0
    snapshot: Snapshot | None = None
    last_attempt: float | None = None
    failures: int = 0
    last_error: str | None = None


@dataclass(frozen=True)
class Receipt:
    """A key set that arrived: ``keys`` None means "as before" (304); ``ttl`` is the soft one."""

    keys: KeySet | None
    ttl: float
    etag: str | None = None
    origin: Origin = Origin.FETCHED


# --- events -------------------------------------------------------------------------------------


def attempted(state: CacheState, now: float) -> CacheState:
    """A fetch begins; what it brings does not matter to the cooldown."""
    return replace(state, last_attempt=now)


def received(
    state: CacheState, receipt: Receipt, policy: CachePolicy, *, now: float, luck: float
) -> CacheState:
    """A key set arrived at ``now`` or was confirmed; equal keys keep their generation."""
    before = state.snapshot
    if receipt.keys is None and before is None:
        return failed(state, "the endpoint answered 304 to a request without a condition")
    generation, keys = _successor(state, receipt.keys)
    soft_until = now + receipt.ttl
    snapshot = Snapshot(
        generation=generation,
        keys=keys,
        origin=receipt.origin,
        confirmed_at=now,
        refresh_from=now + policy.refresh_after(receipt.ttl, luck),
        soft_until=soft_until,
        hard_until=soft_until + policy.max_stale,
        etag=receipt.etag,
    )
    return replace(state, generation=generation, snapshot=snapshot, failures=0, last_error=None)


def _successor(state: CacheState, keys: KeySet | None) -> tuple[int, KeySet]:
    before = state.snapshot
    if before is not None and (keys is None or tuple(keys) == tuple(before.keys)):
        return before.generation, before.keys
    return state.generation + 1, KeySet() if keys is None else keys


def failed(state: CacheState, error: str) -> CacheState:
    """A fetch brought nothing; the set in use stays in use."""
    return replace(state, failures=state.failures + 1, last_error=error)


def pushed(
    state: CacheState, keys: KeySet, policy: CachePolicy, *, now: float, luck: float
) -> CacheState:
    """The application handed over a set: it replaces the old one, in a new generation."""
    receipt = Receipt(keys, policy.default_ttl, None, Origin.PUSHED)
    return received(invalidated(state), receipt, policy, now=now, luck=luck)


def restored(
    state: CacheState, receipt: Receipt, policy: CachePolicy, *, now: float, age: float
) -> CacheState:
    """The last good set was read from its file, ``age`` seconds after it was confirmed.

    It may be used as long as it might have been without the restart, and is refreshed at once.
    """
    arrived = received(state, receipt, policy, now=now - age, luck=0)
    if arrived.snapshot is None:
        return state
    return replace(arrived, snapshot=replace(arrived.snapshot, refresh_from=now))


def invalidated(state: CacheState) -> CacheState:
    """The application said that the set is not to be trusted: forget it, ask again at once."""
    return CacheState(generation=state.generation + 1)


# --- questions ----------------------------------------------------------------------------------


def usable(state: CacheState, now: float) -> Snapshot | None:
    """Return the set that may be used at ``now``, fresh or stale, or None."""
    snapshot = state.snapshot
    return snapshot if snapshot is not None and now < snapshot.hard_until else None


def next_attempt_at(state: CacheState, policy: CachePolicy) -> float:
    """Return when the background should fetch next; minus infinity means at once."""
    earliest = float("-inf")
    if state.last_attempt is not None:
        earliest = state.last_attempt + policy.retry_after(state.failures)
    return earliest if state.snapshot is None else max(earliest, state.snapshot.refresh_from)


def may_attempt(state: CacheState, need: Need, policy: CachePolicy, now: float) -> bool:
    """Whether a caller with ``need`` may cause a fetch at ``now``."""
    if state.last_attempt is None:
        return True
    pause = policy.unknown_kid_cooldown if need is Need.KID else policy.retry_after(state.failures)
    return now >= state.last_attempt + pause
