"""Rehearsing what the guides say to the letter, to show what it would break.

Everything is changed at once and recreated in the order of the files, nothing is proven and nothing
is taken back: a service that does not start stays away, as it would.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from keyturn.deploy.inventory import Inventory
from keyturn.errors import KeyturnError
from keyturn.flows.apply_plan import apply_plan
from keyturn.flows.apply_plan import stage as keep_contents
from keyturn.flows.ports.apply import ServiceFailed, Services
from keyturn.flows.rehearse import BEFORE, Rehearsal
from keyturn.flows.rehearse_ledger import Outcome
from keyturn.flows.rehearse_report import Report
from keyturn.migrate import naive
from keyturn.migrate.commands import Way
from keyturn.migrate.fresh import fresh
from keyturn.migrate.plan import Step, build_plan

_HOUR: Final = 3600.0
_Make = Callable[[Inventory], Step]


@dataclass(frozen=True)
class _Careless:
    """Services whose failures nobody looks at."""

    services: Services
    noted: Callable[[str], None]

    async def check(self) -> None:
        """Look at nothing."""

    async def recreate(self, service: str) -> None:
        """Go on when it does not come up."""
        try:
            await self.services.recreate(service)
        except ServiceFailed as problem:
            self.noted(problem.message)

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        """Go on when it does not work."""
        try:
            await self.services.reload(service, way, argument)
        except ServiceFailed as problem:
            self.noted(problem.message)


class NaiveRehearsal(Rehearsal):
    """One of the two ways, on one stage."""

    async def article(self) -> Report:
        """Follow the source article."""
        return await self._way(self._article)

    async def script(self) -> Report:
        """Run the official script, and run it again as if it were a rotation."""
        return await self._way(self._script)

    async def _way(self, steps: Callable[[], Awaitable[None]]) -> Report:
        self.begin(BEFORE, "Before anything is changed")
        self.learn()
        async with self.crowd.alive():
            await self.look()
            await self.crowd.forger.try_all()
            self.ledger.end(Outcome.DONE)
            await steps()
        return self.report()

    async def _article(self) -> None:
        made = fresh(self.randomness, self.clock())
        await self._careless("phase 1", lambda found: naive.article_keys(found, made))
        await self._careless("phase 1 again", lambda found: naive.corrected_keys(found, made))
        await self.clock.advance(_HOUR)
        await self._careless("phase 3", naive.article_phase_three, ends_legacy=True)

    async def _script(self) -> None:
        for name in ("first run", "second run"):
            made = fresh(self.randomness, self.clock())
            # Applications are built anew with the new publishable key at once; servers are not.
            self.crowd.wallet.publishable = None
            await self._careless(name, partial(naive.official_script, fresh=made))
            self.crowd.wallet.reached = 2
            # Long enough for every session to have a token of the new key.
            await self.clock.advance(_HOUR)

    async def _careless(self, name: str, make: _Make, *, ends_legacy: bool = False) -> None:
        found = self.stage.inventory()
        try:
            step = make(found)
            self.begin(name, step.title)
            await self._carry_out(step, found)
        except KeyturnError as problem:
            if self.ledger.now.name != name:
                self.begin(name, name)
            self.ledger.end(Outcome.NOT_POSSIBLE, problem)
            return
        self.learn()
        if ends_legacy:
            self.retire()
        self.ledger.end(Outcome.DONE)
        await self.look()
        await self.crowd.forger.try_all()

    async def _carry_out(self, step: Step, found: Inventory) -> None:
        stage, number = self.stage, len(self.ledger.phases)
        prepared = build_plan(
            stage.source,
            stage.ask,
            (step,),
            plan_id=f"naive-{number}",
            title=step.title,
            now=self.clock(),
        )
        self.ledger.now.steps = prepared.plan.steps
        ports = self.ports(found, len(prepared.plan.commands))
        ports = replace(ports, services=_Careless(stage.services, self.ledger.now.notes.append))
        keep_contents(ports, prepared)
        with self.clock.busily():
            await apply_plan(ports, prepared.plan, wait=True)
