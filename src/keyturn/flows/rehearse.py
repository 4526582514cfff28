"""Rehearsing a migration and a rotation: the real plans, the real gates, on a copy, in use.

The plans are those of ``keyturn migrate`` and ``keyturn rotate`` (:mod:`keyturn.flows.migrate`,
:mod:`keyturn.flows.rotate`), applied by the same path; where they say "too early", the clock runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from keyturn.clock import unix
from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.deploy.rewrite import Style
from keyturn.doctor.canaries import canaries
from keyturn.doctor.facts import DatabaseFacts, LogFacts, Unknown
from keyturn.doctor.finding import Facts
from keyturn.doctor.readiness import readiness
from keyturn.errors import KeyturnError, WaitNotOver
from keyturn.flows.apply_plan import StepFailed, apply_plan
from keyturn.flows.apply_plan import stage as keep_contents
from keyturn.flows.change import Deployment, Proposal, signing_since
from keyturn.flows.migrate import TITLES, Evidence, StillUsed, Wish, plan_migration
from keyturn.flows.ports.apply import Ports, Progress
from keyturn.flows.ports.rehearsal import Stage
from keyturn.flows.rehearse_caller import Caller
from keyturn.flows.rehearse_clock import FastClock
from keyturn.flows.rehearse_crowd import Crowd, Living, People
from keyturn.flows.rehearse_ledger import Ledger, Outcome, Phase
from keyturn.flows.rehearse_report import Report
from keyturn.flows.rotate import TurnWish, plan_rotation
from keyturn.migrate.capabilities import has_url_key, url_signing_key
from keyturn.migrate.commands import describe
from keyturn.migrate.deployment_keys import read_keys
from keyturn.migrate.fresh import Randomness
from keyturn.migrate.run import runs
from keyturn.migrate.waits import retire_wait
from keyturn.profiles.request import CredentialKind

BEFORE: Final = "before"
_ALG: Final = "ES256"
_URL_KEY_FIRST: Final = (
    "Storage has no key of its own for signed URLs, so they would end in phase 3: run `keyturn "
    "migrate DIR --phase 1` first."
)
_LOOK_SECONDS: Final = 15.0
"""Everybody acts each second for so long, after each change and before the first."""
_REST_SECONDS: Final = 180.0
_LEGACY_WORDS: Final = {"anon": "legacy anon key", "service": "legacy service_role key"}
_ROTATIONS: Final = (
    ("rotation", "A rotation: the standby key signs"),
    ("next rotation", "The next rotation, which ends the key before the last"),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something just happened, for a progress bar."""

    phase: Phase
    part: float
    """How much of the phase is done, 0 to 1."""
    doing: str = ""


@dataclass
class Rehearsal:
    """One rehearsal."""

    stage: Stage
    clock: FastClock
    people: People
    randomness: Randomness
    watch: Callable[[Moment], None] = lambda _: None
    others: Callable[[Crowd], Iterator[Living]] = lambda _: iter(())
    ledger: Ledger = field(init=False)
    crowd: Crowd = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.clock, self.stage.why_down)
        caller = Caller(self.stage, self.clock, self.ledger)
        kinds = _kinds(self.stage.inventory())
        self.crowd = Crowd(caller, kinds, self.people, self.randomness, self.others)

    async def run(self) -> Report:
        """Go through all phases and return what came of them."""
        self.begin(BEFORE, "Before anything is changed")
        self.learn()
        async with self.crowd.alive():
            await self.look()
            await self._arrive()
            await self.crowd.forger.try_all()
            self.ledger.end(Outcome.DONE)
            await self._migrate()
            await self._rotate()
        return self.report()

    def report(self) -> Report:
        """Return what came of it."""
        return Report.of(self.ledger, self.stage.parts)

    async def _arrive(self) -> None:
        """Where phases are done already, clients have moved as far as they do after those."""
        done = (self._next_phase() or len(TITLES) + 1) - 1
        if done:
            self.crowd.wallet.reached = done
            await self.look()

    async def _migrate(self) -> None:
        done = set[int]()
        while (number := self._next_phase()) is not None and number not in done:
            if number > 1 and 1 not in done and self._lacks_url_key():
                number = 1
            done.add(number)
            plan = functools.partial(self._planned, Wish(phase=number))
            if not await self._phase(f"phase {number}", TITLES[number], plan):
                return
            self.crowd.wallet.reached = max(number, self.crowd.wallet.reached)
            if number == 3:
                self.retire()
            await self.look()
            await self.crowd.forger.try_all()

    async def _rotate(self) -> None:
        if read_keys(self.stage.inventory()).in_use is None:
            return
        for number, (name, title) in enumerate(_ROTATIONS):
            if number and self.ledger.now.outcome is Outcome.DONE:
                # So long until the key before it has no valid token left, and goes.
                await self.clock.advance(retire_wait(self.stage.inventory()).seconds)
            if not await self._phase(name, title, self._rotation):
                return
            await self.look()
            await self.crowd.forger.try_all()

    def _lacks_url_key(self) -> bool:
        """Whether somebody came this far without a key of Storage's own for signed URLs.

        ``keyturn migrate DIR --phase 1`` brings it; without it they end with the secret.
        """
        found = self.stage.inventory()
        return has_url_key(found) and url_signing_key(found) is None

    def _next_phase(self) -> int | None:
        nobody = Unknown("the rehearsal asks its own services")
        facts = Facts(self.stage.inventory(), self.clock(), nobody, nobody, nobody)
        found = readiness(facts).next
        return None if found is None else int(found)

    def _planned(self, wish: Wish) -> Proposal:
        if wish.phase == 1 and read_keys(self.stage.inventory()).in_use is not None:
            self._note((_URL_KEY_FIRST,))
        try:
            return plan_migration(self._deployment(), wish, self._evidence())
        except StillUsed as used:
            if signing_since(self._evidence().runs, _ALG) is None and not self.ledger.now.waits:
                # Auth signed with it before the rehearsal began; nobody knows for how long.
                waiting = retire_wait(self.stage.inventory())
                until = unix(self.clock()) + waiting.seconds
                raise WaitNotOver(waiting.why, until_unix=until) from used
            self._note((f"`keyturn migrate` would stop here: {used.message}",))
            known = Wish(phase=wish.phase, i_know="a rehearsal, to see what would be refused")
            return plan_migration(self._deployment(), known, self._evidence())

    def _note(self, sentences: Iterable[str]) -> None:
        """Keep what was not said yet."""
        notes = self.ledger.now.notes
        notes += [one for one in sentences if not any(one in said for said in notes)]

    def _rotation(self) -> Proposal:
        return plan_rotation(self._deployment(), TurnWish(), self._evidence())

    def _deployment(self) -> Deployment:
        stage = self.stage
        return Deployment(stage.source, stage.ask, Style(), self.clock(), self.randomness)

    def _evidence(self) -> Evidence:
        """The journal of the copy, and a census of the rehearsal's own clients."""
        legacy = len(tuple(self.crowd.uses_legacy()))
        counts = {CredentialKind.ANON_LEGACY.value: legacy} if legacy else {}
        logs = LogFacts(None, None, 0, 0, credentials=counts)
        return Evidence(runs(self.stage.journal.records()), logs, DatabaseFacts())

    # One phase

    def begin(self, name: str, title: str) -> None:
        """Begin a phase."""
        self.ledger.begin(name, title)
        self._tell(0.0)

    async def _phase(self, name: str, title: str, plan: Callable[[], Proposal]) -> bool:
        """Plan, wait while it is too early, apply; whether the rehearsal can go on."""
        self.begin(name, title)
        before = self.stage.inventory()
        try:
            proposal = await self._when_safe(plan)
            self._note(proposal.warnings)
            await self.apply(proposal, before)
        except StepFailed as failed:
            self.ledger.end(Outcome.FAILED, failed)
            return False
        except KeyturnError as refused:
            self.ledger.end(Outcome.NOT_POSSIBLE, refused)
            return False
        self.learn()
        self.ledger.end(Outcome.DONE)
        return True

    async def _when_safe(self, plan: Callable[[], Proposal]) -> Proposal:
        while True:
            try:
                return plan()
            except WaitNotOver as early:
                phase, left = self.ledger.now, early.until_unix - unix(self.clock())
                phase.waits = (*phase.waits, f"{left} s: {early.message}")
                self._tell(0.0, f"{left} s pass")
                await self.clock.advance(left + 1)

    async def apply(self, proposal: Proposal, before: Inventory) -> None:
        """Carry a plan out; raises what applying it raises."""
        prepared, phase = proposal.prepared, self.ledger.now
        phase.steps = prepared.plan.steps
        ports = self.ports(before, len(prepared.plan.commands))
        keep_contents(ports, prepared)
        with self.clock.busily():
            await apply_plan(ports, prepared.plan, wait=True)

    def ports(self, before: Inventory, commands: int) -> Ports:
        """Return the ports of a run on the stage."""
        stage, done = self.stage, 0

        def progress(event: Progress) -> None:
            nonlocal done
            done += event.moment == "done"
            self._tell(done / max(1, commands), describe(event.command))

        prober = stage.prober(before)
        return Ports(
            stage.files, stage.journal, stage.services, prober, self.clock, self.pass_time, progress
        )

    async def pass_time(self, seconds: float) -> None:
        """Let the time of a plan's wait pass."""
        with self.clock.calmly():
            await self.clock.advance(seconds)

    async def look(self) -> None:
        """Let everybody do everything once, and then go on for a while."""
        with self.clock.busily():
            await self.clock.advance(_LOOK_SECONDS)
        await self.clock.advance(_REST_SECONDS)
        self._tell(1.0)

    def learn(self) -> None:
        """Hand out the API keys that the deployment has now."""
        found = canaries(self.stage.inventory(), self.clock(), self.randomness, True)
        self.crowd.wallet.learn(found)

    def retire(self) -> None:
        """From now on the legacy keys are keys that must be refused, also past the gateway."""
        wallet, forger = self.crowd.wallet, self.crowd.forger
        for name, words in _LEGACY_WORDS.items():
            key = getattr(wallet, name)
            if key is not None:
                forger.retired[words] = key
        forger.apikey = wallet.publishable

    def _tell(self, part: float, doing: str = "") -> None:
        self.watch(Moment(self.ledger.now, part, doing))


def _kinds(inventory: Inventory) -> frozenset[Kind]:
    wanted = (*VERIFIERS, Kind.STUDIO)
    return frozenset(kind for kind in wanted if inventory.of_kind(kind) is not None)
