"""The verifier for services: ``from keyturn import Verifier``."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Final

from keyturn.adapters import system
from keyturn.clock import Clock
from keyturn.jose.errors import MissingKid, TokenRejected, UnknownKid
from keyturn.jose.jwks import KeySet
from keyturn.secret import Secret
from keyturn.verify.fetch_worth import is_worth_a_fetch
from keyturn.verify.jwks_cache import Need, Snapshot
from keyturn.verify.jwks_policy import CachePolicy
from keyturn.verify.policy import Policy
from keyturn.verify.reports import Alarm, Health
from keyturn.verify.token_cache import Revoked, TokenCache, TokenCachePolicy
from keyturn.wiring import verifier_options as options
from keyturn.wiring.verifier_counters import Counters
from keyturn.wiring.verifier_flight import Flight
from keyturn.wiring.verifier_keys import Jwks, KeySource, StaticKeys
from keyturn.wiring.verifier_metrics import Registry, attach
from keyturn.wiring.verifier_options import AlgorithmName, AnyAudience, AnyIssuer
from keyturn.wiring.verifier_remote import remote_keys

Claims = Mapping[str, object]

_SUPABASE_ALGORITHMS: Final[frozenset[AlgorithmName]] = frozenset({"ES256", "RS256", "EdDSA"})
_WITH_SHARED: Final[frozenset[AlgorithmName]] = _SUPABASE_ALGORITHMS | {options.SHARED}
_SUPABASE_CLAIMS: Final = frozenset({"exp", "sub", "role"})
_TOKENS: Final = TokenCachePolicy()


class Verifier:
    """Verifies tokens against one issuer's keys; share one between all threads and event loops.

    Make it with :meth:`remote`, :meth:`supabase` or :meth:`static`. A token can only cause
    :class:`~keyturn.jose.errors.TokenRejected`; when no keys can be had, which is nobody's token's
    fault, :class:`~keyturn.verify.reports.KeysUnavailable` is raised.
    """

    def __init__(
        self,
        keys: KeySource,
        policy: Policy,
        *,
        local: KeySet | None = None,
        token_cache: TokenCachePolicy | None = _TOKENS,
        revoked: Revoked | None = None,
        metrics: Registry | None = None,
        clock: Clock = system.now,
    ) -> None:
        """``local`` are the keys that are known even while ``keys`` has none."""
        self._keys, self._policy, self._clock = keys, policy, clock
        self._local = KeySet() if local is None else local
        self._tokens = TokenCache(token_cache, lock=threading.Lock(), revoked=revoked)
        self._counters, self._accepted = Counters(), 0
        self._close = weakref.finalize(self, keys.close)
        if metrics is not None:
            me = weakref.ref(self)
            attach(lambda: verifier.health() if (verifier := me()) is not None else None, metrics)

    @classmethod
    def remote(
        cls,
        url: str,
        *,
        issuer: str | AnyIssuer,
        audience: str | Collection[str] | AnyAudience,
        algorithms: Collection[AlgorithmName],
        legacy_secret: Secret | str | bytes | None = None,
        allow_short_secret: bool = False,
        allow_known_secret: bool = False,
        leeway: int = 0,
        require: Collection[str] = options.DEFAULT_REQUIRED,
        check_iat: bool = False,
        cache: CachePolicy | None = None,
        last_good: Path | None = None,
        allow_http_hosts: Collection[str] = (),
        on_alarm: Callable[[Alarm], None] | None = None,
        token_cache: TokenCachePolicy | None = _TOKENS,
        revoked: Revoked | None = None,
        metrics: Registry | None = None,
    ) -> Verifier:
        """Verify with the keys published at ``url``, cached by the rules of ``cache``.

        Nothing is fetched before the first token or :meth:`prewarm`. ``url`` is https, or http
        when its host is in ``allow_http_hosts``. ``legacy_secret`` is a JWT_SECRET that still
        signs tokens without a ``kid``; it needs ``"HS256"``. ``last_good`` is a file where the
        last good key set survives a restart. Raises ``UsageError`` or ``InvalidKey``.
        """
        policy = options.policy(
            issuer=issuer,
            audience=audience,
            algorithms=algorithms,
            leeway=leeway,
            require=require,
            check_iat=check_iat,
        )
        local = options.legacy_keys(
            legacy_secret,
            algorithms,
            allow_short=allow_short_secret,
            allow_known=allow_known_secret,
        )
        options.refuse_shared_without_secret(algorithms, local)
        keys = remote_keys(
            url,
            cache or CachePolicy(),
            local=local,
            last_good=last_good,
            allow_http_hosts=allow_http_hosts,
            on_alarm=on_alarm,
        )
        return cls(
            keys,
            policy,
            local=KeySet(local),
            token_cache=token_cache,
            revoked=revoked,
            metrics=metrics,
        )

    @classmethod
    def static(
        cls,
        jwks: Jwks | KeySet,
        *,
        issuer: str | AnyIssuer,
        audience: str | Collection[str] | AnyAudience,
        algorithms: Collection[AlgorithmName],
        legacy_secret: Secret | str | bytes | None = None,
        allow_short_secret: bool = False,
        allow_known_secret: bool = False,
        leeway: int = 0,
        require: Collection[str] = options.DEFAULT_REQUIRED,
        check_iat: bool = False,
        token_cache: TokenCachePolicy | None = _TOKENS,
        revoked: Revoked | None = None,
        metrics: Registry | None = None,
    ) -> Verifier:
        """Verify with keys of your own; shared secrets (``oct``) in ``jwks`` are taken too.

        Raises ``UsageError`` or ``InvalidKey``; one bad key is an error, unlike in a remote set.
        """
        policy = options.policy(
            issuer=issuer,
            audience=audience,
            algorithms=algorithms,
            leeway=leeway,
            require=require,
            check_iat=check_iat,
        )
        local = options.legacy_keys(
            legacy_secret,
            algorithms,
            allow_short=allow_short_secret,
            allow_known=allow_known_secret,
        )
        keys = StaticKeys(jwks, local)
        return cls(keys, policy, token_cache=token_cache, revoked=revoked, metrics=metrics)

    @classmethod
    def supabase(
        cls,
        url: str,
        *,
        audience: str | Collection[str] | AnyAudience = "authenticated",
        legacy_secret: Secret | str | bytes | None = None,
        allow_short_secret: bool = False,
        allow_known_secret: bool = False,
        leeway: int = 0,
        require: Collection[str] = _SUPABASE_CLAIMS,
        check_iat: bool = False,
        cache: CachePolicy | None = None,
        last_good: Path | None = None,
        allow_http_hosts: Collection[str] = (),
        on_alarm: Callable[[Alarm], None] | None = None,
        token_cache: TokenCachePolicy | None = _TOKENS,
        revoked: Revoked | None = None,
        metrics: Registry | None = None,
    ) -> Verifier:
        """Verify the users' tokens of the Supabase at ``url`` (``https://api.example.com``).

        Issuer and JWKS address follow from ``url``; ES256, RS256 and EdDSA are accepted, and
        HS256 only with the ``legacy_secret``, while tokens of the old kind live. When users reach
        Auth by another address than this service does, use :meth:`remote` and name the issuer.
        """
        issuer, jwks_url = options.supabase_addresses(url)
        algorithms = _SUPABASE_ALGORITHMS if legacy_secret is None else _WITH_SHARED
        return cls.remote(
            jwks_url,
            issuer=issuer,
            audience=audience,
            algorithms=algorithms,
            legacy_secret=legacy_secret,
            allow_short_secret=allow_short_secret,
            allow_known_secret=allow_known_secret,
            leeway=leeway,
            require=require,
            check_iat=check_iat,
            cache=cache,
            last_good=last_good,
            allow_http_hosts=allow_http_hosts,
            on_alarm=on_alarm,
            token_cache=token_cache,
            revoked=revoked,
            metrics=metrics,
        )

    # --- verdicts -------------------------------------------------------------------------------

    async def verify(self, token: str) -> Claims:
        """Return the claims of ``token``, read-only; raises ``TokenRejected``.

        It waits only when there are no keys yet, or for one fetch when the token's key is
        unknown; callers with known keys never wait. Raises ``KeysUnavailable`` without keys.
        """
        verdict = self._verdict(token, None)
        while isinstance(verdict, Flight):
            await verdict.arrival()
            verdict = self._verdict(token, verdict)
        return verdict

    def verify_now(self, token: str) -> Claims:
        """Return what :meth:`verify` does, from a thread: it blocks where that one awaits."""
        verdict = self._verdict(token, None)
        while isinstance(verdict, Flight):
            verdict.wait()
            verdict = self._verdict(token, verdict)
        return verdict

    def _verdict(self, token: str, waited: Flight | None) -> Claims | Flight:
        """Return the claims, or a fetch to wait for; ``waited`` is the one that was waited for."""
        snapshot = self._keys.current()
        keys = self._local if snapshot is None else snapshot.keys
        try:
            claims = self._tokens.verify(token, keys, self._policy, now=self._clock())
        except TokenRejected as refused:
            hopeful = isinstance(refused, UnknownKid if snapshot else (UnknownKid, MissingKid))
            if hopeful and is_worth_a_fetch(token, self._policy):
                flight = self._more_keys(snapshot, waited)
                if flight is not None:
                    return flight
                # Between the look at the keys and the question, they may have arrived.
                if self._keys.current() is not snapshot:
                    return self._verdict(token, waited)
                self._raise_without_keys(snapshot)
            self._counters.add(f"rejected_{refused.code}")
            raise
        self._accepted += 1  # without a lock: threads may lose a few of these
        return claims

    def _more_keys(self, snapshot: Snapshot | None, waited: Flight | None) -> Flight | None:
        """Return a fetch that may bring the token's key, or None when none may be made now."""
        if waited is not None and not waited.superseded:
            return None
        return self._keys.ask(Need.KEYS if snapshot is None else Need.KID)

    def _raise_without_keys(self, snapshot: Snapshot | None) -> None:
        if snapshot is None:
            self._counters.add("keys_unavailable")
            raise self._keys.unavailable() from None

    # --- the keys -------------------------------------------------------------------------------

    async def prewarm(self) -> Health:
        """Fetch the keys now, so that no request waits for them; returns the health after it.

        It does not raise when the endpoint is down: look at ``ready``, or let requests retry.
        """
        if self._keys.current() is None:
            flight = self._keys.ask(Need.KEYS)
            if flight is not None:
                await flight.arrival()
        return self.health()

    def prewarm_now(self) -> Health:
        """Do what :meth:`prewarm` does, from a thread."""
        if self._keys.current() is None:
            flight = self._keys.ask(Need.KEYS)
            if flight is not None:
                flight.wait()
        return self.health()

    def push(self, jwks: Jwks) -> None:
        """Replace the keys by ``jwks`` at once, for whoever is told of rotations.

        Remembered tokens and an answer that is on its way die with the old keys; a
        ``legacy_secret`` stays. Raises ``InvalidKey`` when it is not a key set.
        """
        self._keys.push(jwks)

    def invalidate(self) -> None:
        """Trust none of the remote keys from now on, and fetch them again at once.

        For a key that leaked: tokens are refused rather than judged by old keys, even when the
        endpoint is down. The ``last_good`` file is removed too.
        """
        self._keys.invalidate()

    def health(self) -> Health:
        """Return the state of the keys, of the cache and of the counters, without waiting."""
        health = self._keys.health()
        remembered = {f"token_cache_{k}": n for k, n in asdict(self._tokens.stats()).items()}
        accepted = {"accepted": self._accepted}
        counts = {**health.counters, **accepted, **self._counters.counts(), **remembered}
        return replace(health, counters=counts)

    # --- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop refreshing. Keys that are still good are used until they no longer are."""
        self._close()

    async def aclose(self) -> None:
        """Do what :meth:`close` does; it never waits."""
        self._close()

    def __enter__(self) -> Verifier:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._close()

    async def __aenter__(self) -> Verifier:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._close()
