"""How long a published key set may be used, when to ask again, and how much of it to read.

All times are seconds; nothing here reads a clock or draws a random number.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from keyturn.errors import UsageError

_LONGEST = 10**9  # "max-age" values beyond this (31 years) are all the same to us


@dataclass(frozen=True, kw_only=True)
class CachePolicy:
    """The rules of a JWKS cache; every default is a decision for a Supabase Auth server.

    The soft time to live is the answer's ``max-age`` minus ``Age``, between ``min_ttl`` and
    ``max_ttl``, or ``default_ttl`` when it names none. At ``refresh_at`` of it, give or take
    ``jitter`` of it, the set is fetched again in the background. When that fails the old set
    serves on, at most ``max_stale`` seconds past its time (0: not at all). A token with an unknown
    key causes a fetch at most each ``unknown_kid_cooldown`` seconds, counted from the last attempt
    of any kind. Failed attempts are repeated after ``retry_first`` seconds, doubling up to
    ``retry_longest``. A fetch takes ``fetch_deadline`` seconds from the first byte sent to the
    last byte read, and accepts ``max_bytes``, ``max_keys`` and ``max_key_bytes`` (as JSON).
    """

    default_ttl: float = 600
    min_ttl: float = 60
    max_ttl: float = 3600
    refresh_at: float = 0.8
    jitter: float = 0.1
    max_stale: float = 86_400
    unknown_kid_cooldown: float = 30
    retry_first: float = 1
    retry_longest: float = 30
    fetch_deadline: float = 3
    max_bytes: int = 262_144
    max_keys: int = 64
    max_key_bytes: int = 8_192

    def __post_init__(self) -> None:
        negative = [field.name for field in fields(self) if getattr(self, field.name) < 0]
        if negative:
            raise UsageError(f"the cache policy has negative values: {', '.join(negative)}")
        if not self.min_ttl <= self.default_ttl <= self.max_ttl:
            raise UsageError("the cache policy needs min_ttl <= default_ttl <= max_ttl")
        if self.refresh_at + self.jitter > 1 or self.refresh_at <= self.jitter:
            raise UsageError("the cache policy needs jitter < refresh_at <= 1 - jitter")
        if not (self.min_ttl and self.retry_first and self.fetch_deadline and self.max_bytes):
            raise UsageError(
                "min_ttl, retry_first, fetch_deadline and max_bytes must be more than 0"
            )
        if self.retry_longest < self.retry_first:
            raise UsageError("the cache policy needs retry_first <= retry_longest")

    def soft_ttl(self, cache_control: str | None, age: str | None) -> float:
        """Return for how long an answer with these header values is fresh (RFC 9111 §4.2).

        Unreadable values count as absent; ``no-store`` and ``no-cache`` as ``max-age=0``.
        """
        stated = _max_age(cache_control or "")
        if stated is None:
            return self.default_ttl
        return min(max(stated - (_seconds(age or "") or 0), self.min_ttl), self.max_ttl)

    def refresh_after(self, ttl: float, luck: float) -> float:
        """Return how long after a fetch the next one starts; ``luck`` lies between -1 and 1."""
        return ttl * (self.refresh_at + self.jitter * luck)

    def retry_after(self, failures: int) -> float:
        """Return how long to wait after the latest of ``failures`` failures in a row."""
        if failures == 0:
            return 0
        return min(self.retry_first * 2.0 ** min(failures - 1, 32), self.retry_longest)


def _max_age(cache_control: str) -> int | None:
    """Return the smallest ``max-age`` that is stated, 0 when caching is forbidden, or None."""
    stated = list[int]()
    for directive in cache_control.split(","):
        name, _, value = directive.strip().partition("=")
        match name.strip().lower():
            case "no-store" | "no-cache":
                stated.append(0)
            case "max-age" if (seconds := _seconds(value.strip().strip('"'))) is not None:
                stated.append(seconds)
    return min(stated, default=None)


def _seconds(text: str) -> int | None:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return min(int(text), _LONGEST) if len(text) < 20 else _LONGEST
