"""What the access log tells of the last hour: who fetched the JWKS, and what tokens were seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

WINDOW: Final = timedelta(hours=1)
JWKS_PATH: Final = "/auth/v1/.well-known/jwks.json"
_MOST_FETCHES: Final = 20_000


class _Line(msgspec.Struct):
    time: datetime
    path: str | None = None
    client: str | None = None
    status: int | None = None
    credential: str | None = None
    alg: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Fetch:
    """One request for the JWKS."""

    at: datetime
    client: str
    status: int


@dataclass(frozen=True)
class Traffic:
    """The last hour, as far back as ``since``."""

    since: datetime
    fetches: Sequence[Fetch]
    """Requests for the JWKS, oldest first."""
    tokens: Mapping[str, int]
    """Algorithm → requests with a user's token of it. The algorithm is what the token claims."""
    keys: Mapping[str, int]
    """API key's id → requests that it let in."""

    @property
    def legacy_tokens(self) -> int:
        """Requests with a token that is signed with a shared secret."""
        return self.tokens.get("HS256", 0)


_decoder: Final = msgspec.json.Decoder(_Line)


def tally(lines: Iterable[bytes], now: datetime, *, whole: bool) -> Traffic:
    """Count the lines of the last hour; one that cannot be read is passed over.

    ``whole``: the lines reach back an hour, or to the log's beginning.
    """
    begin = now - WINDOW
    oldest = now
    fetches: list[Fetch] = []
    tokens: Counter[str] = Counter()
    keys: Counter[str] = Counter()
    for text in lines:
        try:
            line = _decoder.decode(text)
        except msgspec.MsgspecError:
            continue
        at = line.time.astimezone(UTC)
        oldest = min(oldest, at)
        if not begin < at <= now:
            continue
        if line.path == JWKS_PATH and len(fetches) < _MOST_FETCHES:
            fetches.append(Fetch(at, line.client or "", line.status or 0))
        if line.credential == "jwt" and line.alg:
            tokens[line.alg] += 1
        if line.key:
            keys[line.key] += 1
    since = begin if whole else max(begin, oldest)
    return Traffic(since, sorted(fetches, key=lambda fetch: fetch.at), tokens, keys)
