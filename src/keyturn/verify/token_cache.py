"""Verified tokens, remembered: the second time a token is shown its signature is not computed.

Only :meth:`TokenCache.verify` puts anything in, and only after :func:`keyturn.verify.token.verify`
accepted it, so nobody can store claims that no signature covers. The rules, each with a test:

* the key is the SHA-256 of the whole token; no bearer token stays in memory, and no two tokens
  share an entry;
* entries belong to one key set and one policy; with any other of either, everything is a miss;
* what time decides (``exp``, ``nbf``, ``iat``, leeway) and revocation are asked again at every
  hit, and no entry lives longer than ``max_age``;
* only accepted tokens are kept, so an attacker cannot choose what is in here;
* entries and bytes are bounded; long tokens are not kept; tokens that are used stay longer
  (second chance, so a hit writes nothing but a flag and takes no lock);
* claims are read anew from bytes for every caller: what one does to them no other sees.

It is per process: N workers verify a token N times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from math import nextafter
from types import MappingProxyType

from keyturn.errors import UsageError
from keyturn.jose import strict_json
from keyturn.jose.errors import TokenRevoked
from keyturn.jose.jwks import KeySet
from keyturn.verify import token as tokens
from keyturn.verify.claims import numeric_date
from keyturn.verify.policy import Policy

Claims = Mapping[str, object]
Revoked = Callable[[Claims], bool]
ENTRY_BYTES = 300
"""What an entry takes beside its payload: digest, record, and its places in table and queue."""
_NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCachePolicy:
    """Bounds: entries, bytes of all entries together, characters of a token, age in seconds."""

    max_entries: int = 10_000
    max_bytes: int = 16 * 2**20
    max_token_bytes: int = 4096
    max_age: float = 300.0

    def __post_init__(self) -> None:
        for name in ("max_entries", "max_bytes", "max_token_bytes", "max_age"):
            value = getattr(self, name)
            if not 0 < value < _NEVER:
                raise UsageError(
                    f"{name} of the token cache is {value}, expected more than 0",
                    hint="to switch the cache off, give None instead of a policy",
                )


@dataclass(frozen=True, slots=True)
class TokenCacheStats:
    """Counters since the start, and what is held now.

    ``misses`` includes tokens that were then rejected; ``expired`` are those of them that were
    held but no longer hold; ``skipped`` are tokens that are never kept (too long, or the cache is
    off); ``resets`` counts new key sets. Threads may lose a few ``hits``.
    """

    hits: int
    misses: int
    expired: int
    revoked: int
    evictions: int
    skipped: int
    resets: int
    entries: int
    bytes: int


class _Entry:
    """One accepted token: its claims as bytes, and from when until when they hold (seconds).

    The interval is what ``verify.claims`` allows, leeway included, within the age that is allowed
    here. It begins when the token was stored: a clock that went back is a miss too.
    """

    __slots__ = ("payload", "since", "until", "used")

    def __init__(self, payload: bytes, since: float, until: float) -> None:
        self.payload, self.since, self.until = payload, since, until
        self.used = False


@dataclass(slots=True, eq=False)
class _Table:
    """The entries of one key set (by identity: sets never change) under one policy."""

    keys: KeySet
    policy: Policy
    entries: dict[bytes, _Entry] = field(default_factory=dict)
    queue: deque[bytes] = field(default_factory=deque)
    size: int = 0


class TokenCache:
    """``verify`` with a memory. One cache serves one policy; another would empty it each time.

    Safe to share between threads: ``lock`` (a ``threading.Lock``, made by the caller) guards
    writes; hits do not take it. ``limits`` None switches it off. ``revoked`` is asked about the
    claims of every accepted token, kept or not; it must be quick, and what it raises goes through.
    """

    def __init__(
        self,
        limits: TokenCachePolicy | None,
        *,
        lock: AbstractContextManager[object],
        revoked: Revoked | None = None,
    ) -> None:
        self._limits, self._lock, self._revoked = limits, lock, revoked
        self._longest = -1 if limits is None else limits.max_token_bytes
        self._table: _Table | None = None
        self._hits = self._misses = self._expired = self._refused = 0
        self._evictions = self._skipped = self._resets = 0

    def verify(self, token: str, keys: KeySet, policy: Policy, *, now: datetime) -> Claims:
        """Return the claims, read-only, exactly when ``verify.token.verify`` does.

        Raises :class:`keyturn.jose.errors.TokenRejected`, which includes ``TokenRevoked``.
        """
        if type(token) is not str or len(token) > self._longest or not token.isascii():
            self._skipped += 1
            return self._asked(tokens.verify(token, keys, policy, now=now))
        digest, moment = sha256(token.encode()).digest(), now.timestamp()
        table = self._table
        if table is not None and table.keys is keys and table.policy is policy:
            entry = table.entries.get(digest)
            if entry is not None:
                if entry.since <= moment < entry.until:
                    entry.used = True
                    self._hits += 1
                    claims = MappingProxyType(strict_json.reread(entry.payload))
                    return claims if self._revoked is None else self._asked(claims)
                self._expired += 1
        self._misses += 1
        verified = tokens.verify(token, keys, policy, now=now)
        answer = self._asked(verified)
        self._keep(digest, verified, keys, policy, moment)
        return answer

    def clear(self) -> None:
        """Forget every token."""
        with self._lock:
            self._table = None

    def stats(self) -> TokenCacheStats:
        """Return the counters, for metrics."""
        with self._lock:
            table = self._table
            return TokenCacheStats(
                hits=self._hits,
                misses=self._misses,
                expired=self._expired,
                revoked=self._refused,
                evictions=self._evictions,
                skipped=self._skipped,
                resets=self._resets,
                entries=len(table.entries) if table else 0,
                bytes=table.size if table else 0,
            )

    def _asked(self, claims: Claims) -> Claims:
        answer = MappingProxyType(claims) if isinstance(claims, dict) else claims
        if self._revoked is not None and self._revoked(answer):
            self._refused += 1
            raise TokenRevoked
        return answer

    def _keep(
        self, digest: bytes, claims: Claims, keys: KeySet, policy: Policy, now: float
    ) -> None:
        limits = self._limits
        entry = None if limits is None else _entry(claims, policy, now, limits.max_age)
        with self._lock:
            if entry is None or limits is None:
                self._skipped += 1
                return
            table = self._table
            if table is None or table.keys is not keys or table.policy is not policy:
                self._resets += table is not None
                table = self._table = _Table(keys, policy)
            _enter(table, digest, entry)
            self._evictions += _shrink(table, limits)


def _entry(claims: Claims, policy: Policy, now: float, max_age: float) -> _Entry | None:
    """Return the record of accepted claims, or None when bytes would not give them back."""
    payload = strict_json.lossless(claims)
    if payload is None:
        return None
    # From ``now`` on "nbf" and "iat" hold: the token was accepted then, and time only helps them.
    until = now + max_age
    expires = numeric_date(claims, "exp")
    if expires is not None:
        end = expires + policy.leeway
        # A sum of fractions was rounded; the last moment before it is surely allowed.
        until = min(until, end if isinstance(end, int) else nextafter(end, 0.0))
    return _Entry(payload, now, until)


def _enter(table: _Table, digest: bytes, entry: _Entry) -> None:
    before = table.entries.get(digest)
    if before is None:
        table.queue.append(digest)
        table.size += ENTRY_BYTES
    else:
        table.size -= len(before.payload)
    table.size += len(entry.payload)
    table.entries[digest] = entry


def _shrink(table: _Table, limits: TokenCachePolicy) -> int:
    """Evict until the bounds hold, oldest first; an entry that was used waits one more round."""
    evicted = 0
    chances = len(table.queue)
    while len(table.queue) > limits.max_entries or table.size > limits.max_bytes:
        digest = table.queue.popleft()
        entry = table.entries[digest]
        if entry.used and chances > 0:
            entry.used = False
            chances -= 1
            table.queue.append(digest)
            continue
        del table.entries[digest]
        table.size -= ENTRY_BYTES + len(entry.payload)
        evicted += 1
    return evicted
