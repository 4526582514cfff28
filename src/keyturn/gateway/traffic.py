"""What the access log tells of the last hour: who fetched the JWKS, and what tokens were seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

WINDOW: Final = timedelta(hours=1)
JWKS_PATH: Final = "/auth/v1/.well-known/jwks.json"
_MOST_FETCHES: Final = 20_000
_MOST_SHOWN: Final = 500
_REST: Final = "rest"
_JUDGES: Final = (_REST, "realtime", "storage", "functions")
"""Services that check every bearer token that they get."""
_AUTH: Final = "auth"
# Where the Auth server checks one: most of its other addresses pass over it.
_AUTH_PATHS: Final = tuple(
    f"/auth/v1/{name}" for name in ("user", "logout", "factors", "reauthenticate", "admin")
)


class _Line(msgspec.Struct):
    time: datetime
    path: str | None = None
    client: str | None = None
    status: int | None = None
    credential: str | None = None
    alg: str | None = None
    kid: str | None = None
    key: str | None = None
    upstream: str | None = None


class Shown(NamedTuple):
    """A service, and the key that tokens shown to it named (``kid``) with their algorithm.

    Both are what the token claims: only what was accepted proves anything.
    """

    service: str
    kid: str | None
    alg: str | None


@dataclass(slots=True)
class Verdict:
    """How often a service accepted such tokens and refused them (401), and when last."""

    accepted: int = 0
    refused: int = 0
    accepted_at: datetime | None = None
    refused_at: datetime | None = None

    def add(self, at: datetime, *, accepted: bool) -> None:
        """Count one more answer."""
        if accepted:
            self.accepted += 1
            self.accepted_at = max(at, self.accepted_at or at)
        else:
            self.refused += 1
            self.refused_at = max(at, self.refused_at or at)


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
    verdicts: Mapping[Shown, Verdict] = field(default_factory=dict)
    """What each service said to users' tokens."""

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
    verdicts: dict[Shown, Verdict] = {}
    for text in lines:
        try:
            line = _decoder.decode(text)
        except msgspec.MsgspecError:
            continue
        at = line.time if line.time.tzinfo is UTC else line.time.astimezone(UTC)
        oldest = min(oldest, at)
        if not begin < at <= now:
            continue
        if line.path == JWKS_PATH and len(fetches) < _MOST_FETCHES:
            fetches.append(Fetch(at, line.client or "", line.status or 0))
        if line.credential == "jwt" and line.alg:
            tokens[line.alg] += 1
            _judge(verdicts, line, at)
        if line.key:
            keys[line.key] += 1
    since = begin if whole else max(begin, oldest)
    fetches.sort(key=lambda fetch: fetch.at)
    return Traffic(since, fetches, tokens, keys, verdicts)


def _judge(verdicts: dict[Shown, Verdict], line: _Line, at: datetime) -> None:
    """Count the answer when it says something about the token."""
    service, status = line.upstream, line.status or 0
    # PostgREST looks at the token before all else, so it accepted what fails later.
    accepted = status == 101 or 200 <= status < (500 if service == _REST else 400)
    if status == 401:
        accepted = False
    elif not accepted:
        return
    # Without a known API key the answer is the gateway's own: the service was never asked.
    if service is None or line.key is None or not _checks(service, line.path or ""):
        return
    shown = Shown(service, line.kid, line.alg)
    # Whoever invents names of keys shall not fill the memory.
    known = verdicts.get(shown)
    if known is None:
        if len(verdicts) >= _MOST_SHOWN:
            return
        known = verdicts[shown] = Verdict()
    known.add(at, accepted=accepted)


def _checks(service: str, path: str) -> bool:
    if service != _AUTH:
        return service in _JUDGES
    return any(path == known or path.startswith(f"{known}/") for known in _AUTH_PATHS)
