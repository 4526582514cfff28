"""Where a verifier's keys come from: the port that :class:`Verifier` uses, and the static kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from keyturn.errors import UsageError
from keyturn.jose.jwks import KeySet
from keyturn.jose.keys import VerifyingKey
from keyturn.verify.jwks_cache import Need, Origin, Snapshot
from keyturn.verify.jwks_health import views
from keyturn.verify.reports import Health, KeysUnavailable
from keyturn.wiring.verifier_flight import Flight

Jwks = Mapping[str, object] | str | bytes
_FOREVER = float("inf")


class KeySource(Protocol):
    """Hands out key sets; every method returns at once and may be called from any thread."""

    def current(self) -> Snapshot | None:
        """Return the set that may be used now, or None."""
        ...

    def ask(self, need: Need) -> Flight | None:
        """Return the one fetch that everybody with this need waits for, None when none may be."""
        ...

    def unavailable(self) -> KeysUnavailable:
        """Return the error that says why there are no keys."""
        ...

    def push(self, document: Jwks) -> None:
        """Replace the set; raises :class:`keyturn.jose.errors.InvalidKey`."""
        ...

    def invalidate(self) -> None:
        """Forget the set."""
        ...

    def health(self) -> Health:
        """Return what is known about the set; counters are those of the source."""
        ...

    def close(self) -> None:
        """Stop working in the background."""
        ...


class StaticKeys:
    """A set that was given once and never changes, except by :meth:`push`."""

    def __init__(self, jwks: Jwks | KeySet, local: Iterable[VerifyingKey] = ()) -> None:
        """Read ``jwks`` strictly: one bad key is an error (raises ``InvalidKey``).

        Shared secrets are welcome: they come from the owner, not from a network.
        """
        self._local = tuple(local)
        self._snapshot = self._next(0, jwks)

    def current(self) -> Snapshot | None:
        """Return the set."""
        return self._snapshot

    def ask(self, _need: Need) -> Flight | None:
        """Return None: there is nowhere to ask."""
        return None

    def unavailable(self) -> KeysUnavailable:
        """Return the error that cannot occur here, for completeness of the port."""
        return KeysUnavailable()

    def push(self, document: Jwks) -> None:
        """Replace the set, shared secrets included; raises ``InvalidKey``."""
        self._snapshot = self._next(self._snapshot.generation, document)

    def invalidate(self) -> None:
        """Refuse: nothing could bring the keys back."""
        raise UsageError(
            "a static verifier cannot be invalidated", hint="Give it new keys with push()."
        )

    def health(self) -> Health:
        """Return a health that is always fresh."""
        return Health(
            status="fresh",
            source="static",
            origin=Origin.STATIC,
            generation=self._snapshot.generation,
            keys=views(self._snapshot.keys),
            age=None,
            stale_in=None,
            unusable_in=None,
            last_attempt_ago=None,
            failures=0,
            last_error=None,
            counters={},
        )

    def close(self) -> None:
        """Do nothing: there is no background."""

    def _next(self, generation: int, jwks: Jwks | KeySet) -> Snapshot:
        given = jwks if isinstance(jwks, KeySet) else KeySet.parse(jwks)
        keys = KeySet([*given, *self._local])
        return Snapshot(generation + 1, keys, Origin.STATIC, 0, _FOREVER, _FOREVER, _FOREVER)
