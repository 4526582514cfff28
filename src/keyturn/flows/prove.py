"""Puts the questions of a plan to the running services, and has patience while they start.

The questions are :mod:`keyturn.migrate.proof`'s. Nothing is changed by asking: canary tokens live a
minute and name a user that does not exist.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from keyturn.clock import Clock
from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.doctor.canaries import POWERFUL, canaries
from keyturn.doctor.facts import Answer, ProbeFacts, Unknown
from keyturn.errors import Conflict, Unreachable
from keyturn.flows.change import LEGACY, Credentials, with_present_apikey
from keyturn.flows.ports.doctor import Limits
from keyturn.flows.ports.doctor import Probe as Asker
from keyturn.flows.prove_signing import NotProven
from keyturn.migrate.commands import Probe
from keyturn.migrate.fresh import Randomness
from keyturn.migrate.proof import (
    ACCEPT,
    PUBLISH,
    REFUSE,
    SIGN,
    former_only,
    kinds_of,
    newest_too,
    old_too,
    services_of,
)
from keyturn.profiles.deployment import follow
from keyturn.profiles.opened_service import PUBLISHED_PATH, is_open
from keyturn.profiles.request import CredentialKind
from keyturn.profiles.verdict import Outcome

ATTEMPTS: Final = 12
PAUSE_SECONDS: Final = 2.5
"""A service that was just created anew gets half a minute to answer as it should."""
_CLOSED: Final = (401, 403)
_NOBODY_THERE: Final = (
    "Nothing was begun. Start the deployment, or give the gateway's address with --url; --no-probe "
    "goes on without proof."
)

Signing = Callable[[str, str], Awaitable[None]]
"""Proves that Auth signs with an algorithm and a kid; raises ``NotProven``."""


@dataclass(frozen=True)
class Witnesses:
    """The deployment as it is at the time of asking, and as it was before the run."""

    now: Callable[[], Inventory]
    before: Callable[[], Inventory]


class LiveProber:
    """The :class:`~keyturn.flows.ports.apply.Prober` of services behind one address."""

    def __init__(
        self,
        url: str,
        ask: Asker,
        signing: Signing,
        witnesses: Witnesses,
        *,
        clock: Clock,
        randomness: Randomness,
        sleep: Callable[[float], Awaitable[None]],
        limits: Limits | None = None,
    ) -> None:
        """``url`` is the gateway's; ``sleep`` takes seconds."""
        self._url, self._ask, self._signing = url, ask, signing
        self._witnesses, self._clock, self._randomness = witnesses, clock, randomness
        self._sleep, self._limits = sleep, limits or Limits()

    async def check(self) -> None:
        """Raise ``Unreachable`` when there is no answer behind the address; asked once."""
        held = self._credentials(self._witnesses.now())
        try:
            facts = await self._ask(self._url, dict(list(held.items())[:1]), self._limits)
        except Unreachable as nobody:
            raise Unreachable(nobody.message, hint=_NOBODY_THERE) from None
        if isinstance(facts, Unknown):
            raise Unreachable(facts.reason, hint=_NOBODY_THERE)

    async def probe(self, probe: Probe) -> None:
        """Return when every answer is right; raises :class:`NotProven` with those that are not."""
        for attempt in range(ATTEMPTS):
            try:
                await _QUESTIONS[probe.name](self, probe)
            except (NotProven, Unreachable):
                if attempt == ATTEMPTS - 1:
                    raise
                await self._sleep(PAUSE_SECONDS)
            else:
                return

    async def _accept(self, probe: Probe) -> None:
        kinds = kinds_of(probe.arguments)
        new = self._credentials(self._witnesses.now())
        old = with_present_apikey(self._old(kinds), new) if old_too(probe.arguments) else {}
        newest = (
            with_present_apikey(self._credentials(self._witnesses.now(), by_newest=True), new)
            if newest_too(probe.arguments)
            else {}
        )
        by = probe.arguments.get("by")
        next_up = with_present_apikey(self._signed_by(by), new) if by else {}
        for held in (new, old, newest, next_up):
            chosen = {kind: held[kind] for kind in kinds if kind in held}
            if chosen:
                await self._all(probe, chosen, wanted=True)

    async def _refuse(self, probe: Probe) -> None:
        held = self._credentials(self._witnesses.now())
        kinds = kinds_of(probe.arguments)
        old, former = self._old(kinds), former_only(probe.arguments)
        chosen = {
            kind: found
            for kind in kinds
            if (found := (old if former or kind in LEGACY else held).get(kind)) is not None
        }
        await self._all(probe, chosen, wanted=False, passed_over=self._open(chosen))

    def _open(self, chosen: Credentials) -> frozenset[Kind]:
        """Return the services that check nobody (VERIFY_JWT=false): they refuse nobody either.

        A main script of functions that is the user's own may check or not; it is not asked.
        """
        there, moment = self._witnesses.now(), self._clock()
        found = frozenset[Kind]()
        for one in list(chosen.values())[:1]:
            for kind in VERIFIERS:
                outcome = follow(there, one, kind, now=moment, direct=True).outcome
                own = kind is Kind.FUNCTIONS and outcome is Outcome.UNKNOWN
                found |= {kind} if own or outcome is Outcome.OPEN else frozenset()
        return found

    async def _all(
        self,
        probe: Probe,
        chosen: Credentials,
        *,
        wanted: bool,
        passed_over: frozenset[Kind] = frozenset(),
    ) -> None:
        limits = replace(self._limits, include_service_role=bool(POWERFUL & chosen.keys()))
        facts = await self._ask(self._url, chosen, limits)
        if isinstance(facts, Unknown):
            raise Unreachable(facts.reason)
        services = frozenset(services_of(probe.arguments)) - passed_over
        wrong = tuple(_wrong(facts, services, wanted=wanted))
        if wrong:
            raise NotProven(" ".join(wrong))

    async def _publish(self, probe: Probe) -> None:
        held = self._credentials(self._witnesses.now())
        one = {kind: held[kind] for kind in list(held)[:1]}
        facts = await self._ask(self._url, one, self._limits)
        if isinstance(facts, Unknown):
            raise Unreachable(facts.reason)
        if facts.jwks_status in _CLOSED and is_open(self._witnesses.now(), PUBLISHED_PATH) is False:
            return  # an old kong.yml asks for an API key there, so nobody fetches it to cache it
        wanted = {kid for kid in probe.arguments.get("kids", "").split(",") if kid}
        if set(facts.jwks_kids) != wanted:
            raise NotProven(
                f"The JWKS publishes {', '.join(facts.jwks_kids) or 'no key'}, expected "
                f"{', '.join(sorted(wanted))}."
            )
        if facts.jwks_leaks:
            raise NotProven(f"The JWKS publishes secret members: {', '.join(facts.jwks_leaks)}.")

    async def _sign(self, probe: Probe) -> None:
        await self._signing(probe.arguments["alg"], probe.arguments["kid"])

    def _signed_by(self, kid: str) -> Credentials:
        """Return users' tokens of this key; raises :class:`NotProven` where Auth has none."""
        there = self._witnesses.now()
        made = canaries(there, self._clock(), self._randomness, by=kid)
        if CredentialKind.USER_ES256 not in made:
            raise NotProven(f"Auth holds no private key {kid}, so no service could be asked.")
        return {CredentialKind.USER_ES256: made[CredentialKind.USER_ES256]}

    def _old(self, kinds: tuple[CredentialKind, ...]) -> Credentials:
        """Return what the keys from before the run make, of these kinds; signed anew just now."""
        held = self._credentials(self._witnesses.before())
        return {kind: held[kind] for kind in kinds if kind in held}

    def _credentials(self, there: Inventory, *, by_newest: bool = False) -> Credentials:
        return canaries(
            there,
            self._clock(),
            self._randomness,
            include_service_role=True,
            by_newest=by_newest,
        )


def _wrong(facts: ProbeFacts, services: frozenset[Kind], *, wanted: bool) -> Iterator[str]:
    for answer in facts.answers:
        if answer.service not in services:
            continue
        if answer.status is None and answer.accepted is None:
            yield f"{answer.service} gave no answer: {answer.message}."
        elif answer.accepted is not None and answer.accepted is not wanted:
            yield _sentence(answer, wanted=wanted)


def _sentence(answer: Answer, *, wanted: bool) -> str:
    did = "refused" if wanted else "accepted"
    said = " ".join(str(part) for part in (answer.status, answer.code, answer.message) if part)
    return f"{answer.service} {did} the credential “{answer.credential}” ({said})."


class CannotAsk(Conflict):
    """The change proves its steps on the running services, and nobody may ask them."""

    code = "cannot_ask"
    default_hint = "Leave --no-probe out, or take the change back: `rollback` asks nothing."


class NoQuestions:
    """For changes whose services nobody can ask from here."""

    async def check(self) -> None:
        """Raise :class:`CannotAsk`: a change that proves its steps must not even begin."""
        raise CannotAsk

    async def probe(self, probe: Probe) -> None:
        """Raise :class:`CannotAsk`: what nobody saw must not count as proven."""
        del probe
        raise CannotAsk


_QUESTIONS: Mapping[str, Callable[[LiveProber, Probe], Awaitable[None]]] = {
    ACCEPT: LiveProber._accept,
    REFUSE: LiveProber._refuse,
    PUBLISH: LiveProber._publish,
    SIGN: LiveProber._sign,
}
