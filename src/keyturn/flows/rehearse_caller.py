"""How everybody in a rehearsal sends a request: with a credential, patience, and an opinion.

Retries are those of the official clients: postgrest-js tries reads three times more after 1, 2 and
4 s for a broken line, 503 and 520 (supabase-js #2072); auth-js tries a refresh again after 200 ms,
doubling, for half a minute (``_refreshAccessToken``). Nobody else tries again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from keyturn.errors import Unreachable
from keyturn.flows.ports.http import HttpAnswer
from keyturn.flows.ports.rehearsal import Stage, why_in
from keyturn.flows.rehearse_clock import FastClock
from keyturn.flows.rehearse_ledger import Act, Ledger, Refusal
from keyturn.profiles.token import read

_AWAY: Final = (502, 503, 504)
Good = Callable[[HttpAnswer], str | None]
"""Returns what is wrong with an answer, None when it is as it should be."""


class Retry(Enum):
    """Seconds before each new try, and the statuses that are tried again."""

    NEVER = ((), ())
    READS = ((1.0, 2.0, 4.0), (503, 520))
    REFRESH = ((0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8), (502, 503, 504))


@dataclass(frozen=True, slots=True)
class Keys:
    """What a client sends with a request."""

    apikey: str | None = field(repr=False)
    bearer: str | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of supabase-js: an ``sb_`` key is no bearer, a JWT key is one."""
        headers = {"apikey": self.apikey} if self.apikey else {}
        bearer = self.bearer or (self.apikey if not _opaque(self.apikey) else None)
        return headers | ({"authorization": f"Bearer {bearer}"} if bearer else {})

    @property
    def words(self) -> str:
        """Return what kind of credential it is, without any part of it."""
        if self.bearer and self.bearer != self.apikey:
            return f"{_words(self.bearer)} with a {_words(self.apikey)}"
        return _words(self.apikey)


def _opaque(key: str | None) -> bool:
    return bool(key) and str(key).startswith("sb_")


def _words(text: str | None) -> str:
    if not text:
        return "no credential"
    if text.startswith("sb_"):
        return "secret key" if text.startswith("sb_secret_") else "publishable key"
    token = read(text)
    if token is None:
        return "credential"
    role = token.role or "unnamed"
    if "sub" in (token.claims or {}):
        return f"{token.alg} user token"
    return f"{token.alg} {role} key"


@dataclass(frozen=True, slots=True)
class Call:
    """One request; ``path`` follows the gateway's address unless it is a whole URL."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: object = field(default=None, repr=False)
    """JSON, or bytes."""
    credential: str = "no credential"
    """Its kind, in words."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Sends requests and writes down what came of them."""

    stage: Stage
    clock: FastClock
    ledger: Ledger

    async def ask(
        self, act: Act, call: Call, good: Good, retry: Retry = Retry.NEVER
    ) -> HttpAnswer | None:
        """Return a good answer; None when it was refused or nobody answered."""
        answer = await self.patiently(act, call, retry)
        if answer is None:
            return None
        wrong = good(answer)
        if wrong is None:
            self.ledger.passed(act)
            return answer
        self.ledger.refused(refusal(act, call, answer, wrong))
        return None

    async def patiently(self, act: Act, call: Call, retry: Retry) -> HttpAnswer | None:
        """Return the answer, whatever it is; None when nobody answered, which is written down."""
        delays, statuses = retry.value
        for delay in (*delays, None):
            answer = await self.once(call)
            if answer is not None and answer.status not in _AWAY:
                return answer
            self.ledger.away(act, call.credential)
            if delay is None or (answer is not None and answer.status not in statuses):
                return None
            await self.clock.sleep(delay)
        return None

    async def once(self, call: Call) -> HttpAnswer | None:
        """Send it once; None when the line broke."""
        body = call.body
        sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if sent is not body else {}
        url = call.path if "://" in call.path else f"{self.stage.gateway}{call.path}"
        try:
            async with self.clock.request():
                return await self.stage.http.send(
                    call.method, url, headers={**kind, **call.headers}, body=sent
                )
        except Unreachable:
            return None


def refusal(act: Act, call: Call, answer: HttpAnswer, wrong: str) -> Refusal:
    """Return the refusal that ``answer`` is, in the service's own words."""
    members = members_of(answer)
    code = first_text(members, "error_code", "code")
    said = first_text(members, "message", "msg", "error_description", "error")
    if said is None and "text/plain" in answer.headers.get("content-type", ""):
        said = answer.body[:200].decode("utf-8", "replace").strip()
    why = why_in(answer.headers) or said or wrong
    return Refusal(act, call.credential, answer.status, code, said or wrong, why)


def status_is(*statuses: int) -> Good:
    """Return the opinion that one of ``statuses`` is right."""

    def good(answer: HttpAnswer) -> str | None:
        return None if answer.status in statuses else f"it was answered with {answer.status}"

    return good


def rows_at_least(count: int) -> Good:
    """Return the opinion that a list of ``count`` entries or more is right.

    Fewer rows without an error is what a request gets that silently runs as another role.
    """

    def good(answer: HttpAnswer) -> str | None:
        if answer.status not in (200, 206):
            return f"it was answered with {answer.status}"
        try:
            rows = json.loads(answer.body)
        except ValueError:
            rows = None
        enough = isinstance(rows, list) and len(rows) >= count
        return None if enough else "rows are missing: the request ran as another role"

    return good


def members_of(answer: HttpAnswer) -> Mapping[str, object]:
    """Return the JSON object of an answer, empty when it has none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def first_text(members: Mapping[str, object], *names: str) -> str | None:
    """Return the first member that is a text."""
    found = (members.get(name) for name in names)
    return next((one for one in found if isinstance(one, str) and one), None)
