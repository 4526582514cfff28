"""A remote key set at run time: one background thread fetches, everybody else reads a reference.

All decisions are those of :mod:`keyturn.verify.jwks_cache`. The lock is held for changes of the
state only, never during a fetch; readers do not take it. The thread starts with the first need,
sleeps until the next refresh, and is the only one that fetches: two fetches cannot overlap.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from random import SystemRandom
from typing import Final, NamedTuple

from keyturn.adapters import system
from keyturn.adapters.jwks_fetch import FetchFailed, JwksFetcher
from keyturn.adapters.jwks_file import LastGoodFile
from keyturn.adapters.steady_clock import steady
from keyturn.jose.errors import InvalidKey
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import VerifyingKey
from keyturn.verify import jwks_cache as cache
from keyturn.verify import published
from keyturn.verify.jwks_cache import CacheState, Need, Origin, Receipt, Snapshot
from keyturn.verify.jwks_health import health_of, unavailable
from keyturn.verify.jwks_policy import CachePolicy
from keyturn.verify.published import Published
from keyturn.verify.reports import Alarm, Health, KeysUnavailable
from keyturn.wiring.verifier_alarms import Alarms
from keyturn.wiring.verifier_counters import Counters
from keyturn.wiring.verifier_flight import Flight, Landing
from keyturn.wiring.verifier_keys import Jwks
from keyturn.wiring.verifier_memory import Memory

_LONGEST_SLEEP: Final = 60.0  # the machine may have slept meanwhile, which no timeout notices
_JITTER: Final = SystemRandom()
logger: Final = logging.getLogger("keyturn.verifier")


class RemoteKeys:
    """The :class:`~keyturn.wiring.verifier_keys.KeySource` of a published key set."""

    def __init__(
        self,
        fetcher: JwksFetcher,
        policy: CachePolicy,
        *,
        alarms: Alarms,
        counters: Counters,
        local: Iterable[VerifyingKey] = (),
        memory: Memory | None = None,
        clock: Callable[[], float] = steady,
        luck: Callable[[], float] = lambda: _JITTER.uniform(-1, 1),
    ) -> None:
        """``local`` keys are in every set; ``luck`` returns a number between -1 and 1."""
        self._fetcher, self._policy, self._local = fetcher, policy, tuple(local)
        self._memory, self._alarms, self._counters = memory, alarms, counters
        self._steady, self._luck = clock, luck
        self._state = CacheState()
        self._changed, self._saving = threading.Condition(), threading.Lock()
        self._flight: Flight | None = None
        self._worker: threading.Thread | None = None
        self._closed = False
        if memory is not None:
            self._restore(memory)
        _alive.add(self)

    # --- for the verifier: never waits ----------------------------------------------------------

    def current(self) -> Snapshot | None:
        """Return the set that may be used now; one that is due is refreshed behind the scenes."""
        state, now = self._state, self._steady()
        snapshot = state.snapshot
        if snapshot is None or now < snapshot.refresh_from:
            return snapshot
        if self._flight is None and now >= cache.next_attempt_at(state, self._policy):
            self._wake()
        return cache.usable(state, now)

    def ask(self, need: Need) -> Flight | None:
        """Return the fetch that is in flight, or a new one when ``need`` may cause one."""
        with self._changed:
            if self._flight is None:
                now = self._steady()
                if self._closed or not cache.may_attempt(self._state, need, self._policy, now):
                    self._counters.add(f"suppressed_{need}")
                    return None
                self._take_off()
            flight = self._flight
        return flight if self._see_to_worker() else None

    def unavailable(self) -> KeysUnavailable:
        """Return the error that says why there are no keys."""
        return unavailable(self._state, self._fetcher.source)

    def push(self, document: Jwks) -> None:
        """Replace the set; raises :class:`InvalidKey` when ``document`` is none."""
        found = published.read(document, self._policy)
        keys = KeySet([*found.keys, *self._local])
        with self._changed:
            self._state = cache.pushed(
                self._state, keys, self._policy, now=self._steady(), luck=self._luck()
            )
            self._changed.notify_all()
        self._counters.add("pushed")
        self._alarms.stand(found.alarms)
        self._persist()

    def invalidate(self) -> None:
        """Forget the set and its file; the background asks again at once."""
        with self._changed:
            self._state = cache.invalidated(self._state)
        self._counters.add("invalidated")
        self._persist()
        self._wake()

    def health(self) -> Health:
        """Return what is known about the set."""
        return health_of(
            self._state,
            self._steady(),
            source=self._fetcher.source,
            counters=self._counters.counts(),
        )

    def close(self) -> None:
        """Stop the background; whoever waits is woken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # --- the background -------------------------------------------------------------------------

    def _wake(self) -> None:
        """Let the thread look at the state again, and start it when there is none."""
        if self._see_to_worker():
            with self._changed:
                self._changed.notify_all()

    def _see_to_worker(self) -> bool:
        """Start the thread if there is none (at first, and after a fork); False when it cannot."""
        worker = self._worker
        if worker is not None and worker.is_alive():
            return True
        with self._changed:
            if self._closed:
                return False
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="keyturn-jwks", daemon=True)
                try:
                    self._worker.start()
                except RuntimeError:  # no more threads, or the interpreter is shutting down
                    self._worker = None
                    self._cancel()
                    return False
        return True

    def _take_off(self) -> None:
        """Note a fetch that begins now; the caller holds the lock."""
        deadline = self._steady() + self._policy.fetch_deadline
        self._state = cache.attempted(self._state, self._steady())
        self._flight = Flight(self._state.generation, deadline, self._steady)
        self._changed.notify_all()

    def _work(self) -> None:
        while (flight := self._next_flight()) is not None:
            outcome = self._fetch()
            landing = self._settle(flight, outcome)
            flight.land(landing)
            # From here on nobody waits: files and alarms may take their time.
            self._tell(landing, outcome)

    def _next_flight(self) -> Flight | None:
        with self._changed:
            while not self._closed:
                if self._flight is not None:
                    return self._flight
                due = cache.next_attempt_at(self._state, self._policy) - self._steady()
                if due <= 0:
                    self._take_off()
                else:
                    self._changed.wait(min(due, _LONGEST_SLEEP))
            self._cancel()
        return None

    def _cancel(self) -> None:
        """Give up the flight that has not begun; the caller holds the lock."""
        if self._flight is not None:
            self._flight.land(Landing.FAILED)
            self._flight = None

    def _fetch(self) -> _Arrived | str:
        """Fetch once; returns why not when it fails, whatever the reason."""
        self._counters.add("fetches")
        snapshot = self._state.snapshot
        try:
            answer = self._fetcher.fetch(None if snapshot is None else snapshot.etag)
            found = None if answer.body is None else published.read(answer.body, self._policy)
            keys = None if found is None else KeySet([*found.keys, *self._local])
        except (FetchFailed, InvalidKey) as problem:
            return problem.message
        except Exception as problem:
            logger.exception("%s: a fetch failed in an unforeseen way", self._fetcher.source)
            return f"an unforeseen {type(problem).__name__}"
        if found is None:
            self._counters.add("not_modified")
        ttl = self._policy.soft_ttl(answer.cache_control, answer.age)
        return _Arrived(Receipt(keys, ttl, answer.etag), found)

    def _settle(self, flight: Flight, outcome: _Arrived | str) -> Landing:
        """Make the outcome the state, unless the state has moved on since the flight began."""
        with self._changed:
            self._flight = None
            if self._state.generation != flight.generation:
                return Landing.SUPERSEDED
            if isinstance(outcome, str):
                self._state = cache.failed(self._state, outcome)
                return Landing.FAILED
            self._state = cache.received(
                self._state, outcome.receipt, self._policy, now=self._steady(), luck=self._luck()
            )
        return Landing.ARRIVED

    def _tell(self, landing: Landing, outcome: _Arrived | str) -> None:
        if landing is Landing.SUPERSEDED:
            self._counters.add("superseded")
        elif isinstance(outcome, str):
            self._counters.add("fetch_failures")
            self._alarms.stale(self._stale_for(), outcome)
        else:
            self._alarms.stale(None, "")
            if outcome.found is not None:
                self._alarms.stand(outcome.found.alarms)
            self._persist()

    def _stale_for(self) -> float | None:
        """Return for how long the set in use has been past its time, None when it is not."""
        snapshot, now = self._state.snapshot, self._steady()
        return None if snapshot is None or now < snapshot.soft_until else now - snapshot.soft_until

    def _persist(self) -> None:
        """Bring the file in line with the state, whoever changed it last."""
        if self._memory is None:
            return
        with self._saving:
            snapshot = self._state.snapshot
            if snapshot is None:
                self._memory.forget()
            else:
                ttl = snapshot.soft_until - snapshot.confirmed_at
                self._memory.save(snapshot.keys, snapshot.etag, ttl)

    def _restore(self, memory: Memory) -> None:
        saved = memory.recall(self._policy)
        if saved is None:
            return
        receipt = Receipt(KeySet([*saved.keys, *self._local]), saved.ttl, saved.etag, Origin.FILE)
        now = self._steady()
        self._state = cache.restored(self._state, receipt, self._policy, now=now, age=saved.age)

    def after_fork(self) -> None:
        """Forget the parent's thread and locks; the child starts its own when it needs keys."""
        self._changed, self._saving = threading.Condition(), threading.Lock()
        self._flight = self._worker = None
        self._counters.after_fork()


class _Arrived(NamedTuple):
    """A fetch that brought a set: its receipt, and the document unless it was unchanged."""

    receipt: Receipt
    found: Published | None


_alive: Final[weakref.WeakSet[RemoteKeys]] = weakref.WeakSet()


def _after_fork() -> None:
    for keys in list(_alive):
        keys.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def remote_keys(
    url: str,
    policy: CachePolicy,
    *,
    local: Iterable[VerifyingKey],
    last_good: Path | None,
    allow_http_hosts: Collection[str],
    on_alarm: Callable[[Alarm], None] | None,
) -> RemoteKeys:
    """Return the keys published at ``url``, with the real clocks, network and file system."""
    fetcher = JwksFetcher(
        url,
        deadline=policy.fetch_deadline,
        max_bytes=policy.max_bytes,
        allow_http_hosts=allow_http_hosts,
    )
    counters = Counters()
    alarms = Alarms(on_alarm, fetcher.source, counters)
    memory = None
    if last_good is not None:
        file = LastGoodFile(last_good, source=fetcher.source)
        memory = Memory(file, alarms=alarms, clock=system.now)
    return RemoteKeys(fetcher, policy, alarms=alarms, counters=counters, local=local, memory=memory)
