"""Asking the running services, with canaries: bounded in time, size and number, changing nothing.

Only the given host is asked, and loopback when a service's own address is given. The requests and
the reading of answers are pure (:mod:`keyturn.doctor.probe_requests`,
:mod:`keyturn.doctor.probe_answers`); here is only the sending.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Final

from keyturn.adapters import system
from keyturn.adapters.http_client import LOOPBACK, StandardHttpClient, split
from keyturn.adapters.steady_clock import steady
from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.doctor.canaries import POWERFUL
from keyturn.doctor.facts import Answer, ProbeFacts, Unknown
from keyturn.doctor.masking import redactor
from keyturn.doctor.one_line import one_line
from keyturn.doctor.probe_answers import Reply, read
from keyturn.doctor.probe_published import PublishedKeys, clock_skew, read_discovery, read_jwks
from keyturn.doctor.probe_requests import (
    DISCOVERY,
    JWKS,
    TENANTS,
    Ask,
    asks,
    socket_accepted,
    tenants_headers,
)
from keyturn.errors import Unreachable, UsageError
from keyturn.flows.ports.doctor import Limits
from keyturn.flows.ports.http import HttpAnswer, HttpClient
from keyturn.profiles.request import Credential, CredentialKind

LATE: Final = "no answer before the time for all requests was over"
_LEFT_BY_PEOPLE: Final = ("/auth/v1", "/rest/v1")
"""What stands at the end of the address when it was copied from somewhere."""
_OK: Final = 200


async def probe(
    url: str, canaries: Mapping[CredentialKind, Credential], limits: Limits | None = None
) -> ProbeFacts | Unknown:
    """Implement :class:`keyturn.flows.ports.doctor.Probe` over the standard library's HTTP."""
    limits = limits or Limits()
    base = _base(url)
    direct = {kind: _direct(kind, given, base) for kind, given in limits.direct.items()}
    http = StandardHttpClient(
        timeout=limits.request_seconds, max_bytes=limits.answer_bytes, proxy=limits.proxy
    )
    return await _Round(base, direct, canaries, limits, http).run()


class _Round:
    """One probe: its requests, what has been answered so far, and what may still be sent."""

    def __init__(
        self,
        base: str,
        direct: Mapping[Kind, str],
        canaries: Mapping[CredentialKind, Credential],
        limits: Limits,
        http: HttpClient,
    ) -> None:
        self._base, self._direct, self._limits, self._http = base, direct, limits, http
        self._canaries = canaries
        self._facts = ProbeFacts(base)
        self._answers: dict[Ask, Answer] = {}
        self._failure: str | None = None
        self._turn = asyncio.Semaphore(limits.concurrency)
        self._socket_key = b64encode(system.entropy(16)).decode("ascii")
        sent = (text for one in canaries.values() for text in (one.apikey, one.bearer))
        self._clean = redactor(None, (text for text in sent if text)).clean

    async def run(self) -> ProbeFacts | Unknown:
        """Send everything and return what came back in time."""
        began = steady()
        wanted = asks(
            self._canaries,
            self._direct,
            unused=f"keyturn_probe_{system.entropy(4).hex()}",
            socket_key=self._socket_key,
            with_service_role=self._limits.include_service_role,
        )
        work = [self._jwks(), self._discovery(), self._tenants(), *map(self._ask, wanted)]
        await _within(self._limits.total_seconds, work)
        answers = tuple(self._answers.get(ask) or _unanswered(ask, LATE) for ask in wanted)
        nobody = self._facts == ProbeFacts(self._base)
        if nobody and all(one.status is None for one in answers):
            return Unknown(self._failure or f"{self._base} gave {LATE}.")
        return replace(
            self._facts,
            answers=answers,
            not_asked=self._not_asked(),
            seconds=round(steady() - began, 2),
        )

    async def _jwks(self) -> None:
        moment = system.now()
        answer = await self._get(JWKS)
        if answer is None:
            return
        keys = read_jwks(answer.body) if answer.status == _OK else PublishedKeys()
        self._facts = replace(
            self._facts,
            jwks_status=answer.status,
            jwks_cache_control=_header(answer, "cache-control"),
            jwks_age=_header(answer, "age"),
            jwks_kids=tuple(map(self._clean, keys.kids)),
            jwks_algs=keys.algs,
            jwks_leaks=keys.leaks,
            jwks_problem=keys.problem,
            clock_skew_seconds=clock_skew(answer.headers.get("date"), moment, answer.seconds),
        )

    async def _discovery(self) -> None:
        answer = await self._get(DISCOVERY)
        if answer is not None and answer.status == _OK:
            self._facts = replace(self._facts, discovery=read_discovery(answer.body))

    async def _tenants(self) -> None:
        headers = tenants_headers(self._canaries)
        answer = await self._get(TENANTS, headers) if headers else None
        if answer is not None:
            self._facts = replace(self._facts, tenants_api_status=answer.status)

    async def _get(self, path: str, headers: Mapping[str, str] | None = None) -> HttpAnswer | None:
        async with self._turn:
            try:
                return await self._http.send("GET", f"{self._base}{path}", headers=headers)
            except Unreachable as problem:
                self._failure = problem.message
                return None

    async def _ask(self, ask: Ask) -> None:
        url = f"{self._direct[ask.service] if ask.direct else self._base}{ask.path}"
        async with self._turn:
            try:
                answer = await self._http.send(ask.method, url, headers=ask.headers, body=ask.body)
            except Unreachable as problem:
                self._failure = problem.message
                self._answers[ask] = _unanswered(ask, one_line(problem.message))
                return
        self._answers[ask] = self._answer(ask, answer)

    def _answer(self, ask: Ask, answer: HttpAnswer) -> Answer:
        accepted = socket_accepted(self._socket_key) if ask.websocket else None
        reply = Reply(answer.status, answer.headers, answer.body, ask.websocket, accepted)
        reading = read(ask.service, reply, self._clean)
        return replace(
            _unanswered(ask, None),
            status=answer.status,
            code=reading.code,
            message=reading.message,
            accepted=reading.accepted,
            by_gateway=False if ask.direct else reading.by_gateway,
        )

    def _not_asked(self) -> tuple[str, ...]:
        held_back = [kind for kind in self._canaries if kind in POWERFUL]
        if self._limits.include_service_role or not held_back:
            return ()
        names = " and ".join(f"the {kind} key" for kind in held_back)
        return (f"{names} act as service_role and were not sent",)


async def _within(seconds: float, work: Iterable[Coroutine[None, None, None]]) -> None:
    """Let ``work`` run for ``seconds`` in all; what is not done by then is given up."""
    tasks = [asyncio.ensure_future(one) for one in work]
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


def _unanswered(ask: Ask, message: str | None) -> Answer:
    return Answer(
        ask.service,
        ask.credential,
        None,
        message=message,
        direct=ask.direct,
        websocket=ask.websocket,
    )


def _header(answer: HttpAnswer, name: str) -> str | None:
    value = answer.headers.get(name)
    return None if value is None else one_line(value)


def _base(url: str) -> str:
    """Return the gateway's address without what people leave at its end."""
    parts = split(url)
    if "@" in parts.netloc:
        raise UsageError("the address to probe may have no user or password")
    path = parts.path.rstrip("/")
    for left in _LEFT_BY_PEOPLE:
        path = path.removesuffix(left)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _direct(kind: Kind, url: str, base: str) -> str:
    """Return a service's own address; raises ``UsageError`` when it is somewhere else."""
    if kind not in VERIFIERS:
        raise UsageError(f"{kind} does not verify tokens, so it has no address to probe")
    address = _base(url)
    host = split(address).hostname
    if host not in LOOPBACK and host != split(base).hostname:
        raise UsageError(
            f"{host} is neither this machine nor the host of {base}: it is not asked.",
            hint="Give the address of a port that the container publishes on loopback.",
        )
    return address
