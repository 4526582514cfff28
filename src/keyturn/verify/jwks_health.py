"""The state of a key cache, told in words and seconds."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.jose.jwks import KeySet
from keyturn.verify.jwks_cache import CacheState, usable
from keyturn.verify.reports import Health, KeysUnavailable, KeyView


def health_of(state: CacheState, now: float, *, source: str, counters: Mapping[str, int]) -> Health:
    """Return what ``state`` means at ``now`` (seconds of the clock that the state was made by)."""
    snapshot = usable(state, now)
    tried = None if state.last_attempt is None else now - state.last_attempt
    return Health(
        status=status_of(state, now),
        source=source,
        origin=None if snapshot is None else snapshot.origin,
        generation=state.generation,
        keys=() if snapshot is None else views(snapshot.keys),
        age=None if snapshot is None else now - snapshot.confirmed_at,
        stale_in=None if snapshot is None else snapshot.soft_until - now,
        unusable_in=None if snapshot is None else snapshot.hard_until - now,
        last_attempt_ago=tried,
        failures=state.failures,
        last_error=state.last_error,
        counters=counters,
    )


def status_of(state: CacheState, now: float) -> str:
    """Return ``fresh``, ``stale`` or ``unavailable``."""
    snapshot = usable(state, now)
    if snapshot is None:
        return "unavailable"
    return "fresh" if now < snapshot.soft_until else "stale"


def unavailable(state: CacheState, source: str) -> KeysUnavailable:
    """Return the error that says why there are no keys."""
    if state.last_error is None:
        return KeysUnavailable(f"The keys of {source} have not arrived yet.")
    tries = "attempt" if state.failures == 1 else "attempts in a row"
    return KeysUnavailable(
        f"No keys could be had from {source}: {state.last_error} ({state.failures} {tries} failed)."
    )


def views(keys: KeySet) -> tuple[KeyView, ...]:
    """Return what may be shown of ``keys``."""
    return tuple(KeyView(key.kid, key.alg) for key in keys)
