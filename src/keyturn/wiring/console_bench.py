"""One deployment folder behind the console: the same flows and runners as the command line's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from keyturn.adapters.console_log import ConsoleLog
from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.adapters.watched_files import WatchedSource
from keyturn.clock import from_unix
from keyturn.console.deployment.workbench import Deed, Equipped
from keyturn.deploy.inventory import VERIFIERS, Inventory
from keyturn.deploy.rewrite_dialect import Dialect
from keyturn.doctor.why import Why
from keyturn.errors import KeyturnError, UsageError, WaitNotOver
from keyturn.flows.apply_status import Standing, status
from keyturn.flows.apply_undo import Return
from keyturn.flows.change import Deployment, Proposal
from keyturn.flows.doctor import Examined
from keyturn.flows.doctor_fix import propose_fixes, safe_edits
from keyturn.flows.migrate import Evidence, Wish, plan_migration
from keyturn.flows.ports.apikeys import ApiKeyRecord
from keyturn.flows.ports.apply import Ports, Progress
from keyturn.flows.ports.audit import VisitVerb
from keyturn.flows.rehearse import Moment
from keyturn.flows.rehearse_report import Report
from keyturn.flows.rotate import TurnWish, plan_rotation
from keyturn.migrate.run import Run
from keyturn.secret import Secret
from keyturn.wiring.change import ChangeOptions, Talk, Workshop
from keyturn.wiring.console_kept import Kept
from keyturn.wiring.doctor import DoctorOptions, run_diagnosis, run_explanation
from keyturn.wiring.evidence import gather

_SAME: Final = 600.0
"""Seconds for which a plan that was made is shown again while nothing changed."""
_EXAMINED: Final = timedelta(minutes=1)
"""For so long doctor's report is shown again while no file changed."""
_REFUSED: Final = timedelta(seconds=10)
"""For so long a refusal is: it may rest on an access log or a database, which go on."""
_PROGRAM: Final = timedelta(minutes=1)
"""For so long the program that runs the containers is taken to be the same."""


@dataclass(frozen=True)
class ConsoleOptions:
    """What the command line says about the deployment that the console is for."""

    change: ChangeOptions
    access_log: str | None = None
    database_file: str | None = None
    """A file with the database's URL."""

    @property
    def given(self) -> frozenset[str]:
        """Return which of it stands on the command line: it outranks how a change began."""
        plain = ChangeOptions("")
        names = (one.name for one in fields(ChangeOptions) if one.name != "folder")
        return frozenset(n for n in names if getattr(self.change, n) != getattr(plain, n))

    @property
    def doctor(self) -> DoctorOptions:
        """Return how doctor looks at the same deployment."""
        one = self.change
        return DoctorOptions(one.folder, one.files, one.env_files, one.profiles)


class FolderBench:
    """The :class:`~keyturn.console.deployment.workbench.Workbench` of a folder on this machine."""

    def __init__(self, options: ConsoleOptions, clock: Callable[[], datetime]) -> None:
        """Raise ``UsageError`` when there is no such folder; nothing is written."""
        self._options = options
        self._clock = clock
        self.workshop = Workshop(options.change)
        self._made: dict[object, tuple[datetime, int, Proposal]] = {}
        self._refused: dict[object, Kept[KeyturnError]] = {}
        self._examined: Kept[Examined] | None = None
        self._dialect: tuple[datetime, Dialect] | None = None

    @property
    def folder(self) -> str:
        """The folder in full."""
        return str(self.workshop.folder.resolve())

    @property
    def runner(self) -> str:
        """How services are told."""
        return self._options.change.runner

    def runs(self) -> tuple[Run, ...]:
        """Return what the journal says."""
        return self.workshop.runs

    def standing(self) -> Standing | None:
        """Return how the newest run stands."""
        return status(replace(self.workshop.idle_ports(), clock=self._clock))

    async def examine(self) -> Examined:
        """Read the files as doctor does; the same report again while they are the same."""

        def look() -> Examined:
            known, now = self._examined, self._clock()
            if known is not None and known.fits(now, 0):
                return known.value
            files = WatchedSource(self.workshop.source)
            made = run_diagnosis(self._options.doctor, files)
            self._examined = Kept(made, files, 0, now + _EXAMINED)
            return made

        return await asyncio.to_thread(look)

    async def ask_services(self) -> Examined:
        """Ask what runs as well: the services, and what the command line named."""
        options = replace(
            self._options.doctor,
            probe=self.workshop.url(),
            database=_secret_in(self._options.database_file),
            access_log=self._options.access_log,
        )
        return await asyncio.to_thread(run_diagnosis, options)

    async def explain(self, text: str) -> tuple[Inventory, Why]:
        """Follow one credential."""
        return await asyncio.to_thread(
            run_explanation, self._options.doctor, text.strip(), VERIFIERS
        )

    async def plan_migration(self, wish: Wish) -> Proposal:
        """Return the plan of a phase; the same one again while nothing changed."""
        return await self._planned(
            wish, lambda seen, deployment: plan_migration(deployment, wish, seen)
        )

    async def plan_rotation(self, wish: TurnWish) -> Proposal:
        """Return the plan of a rotation."""
        return await self._planned(
            wish, lambda seen, deployment: plan_rotation(deployment, wish, seen)
        )

    async def losses(self, back: Return) -> tuple[str, ...]:
        """Return what ends, or is trusted again, when ``back`` is done."""
        begun = self.workshop.as_begun(back.run, self._options.given)[0]
        return await asyncio.to_thread(begun.losses, back)

    async def plan_fixes(self, findings: frozenset[str]) -> Proposal:
        """Return the plan of the safe changes that doctor proposes."""
        edits = safe_edits((await self.examine()).report, findings)
        deployment = self.workshop.deployment(await self._spoken())
        return await asyncio.to_thread(propose_fixes, replace(deployment, now=self._clock()), edits)

    async def equipped(
        self, progress: Callable[[Progress], None], run: Run | None = None
    ) -> Equipped:
        """Return the ports of a run, and what is kept with it of how it is carried out."""
        given = self._options.given
        begun = self.workshop if run is None else self.workshop.as_begun(run, given)[0]
        if begun.options.runner == "print":
            raise UsageError(
                "This change began with --runner print, which asks at a terminal.",
                hint="Go on with it there, or start the console with another --runner.",
            )
        ports = await self.ports(begun, progress)
        if run is None:
            return Equipped(ports, begun.chosen())
        return Equipped(ports, {**run.chosen, **begun.chosen()} if given else None)

    async def ports(self, workshop: Workshop, progress: Callable[[Progress], None]) -> Ports:
        """Return the ports of ``workshop``."""
        return await workshop.ports(Talk(progress, lambda _: None, _never))

    async def rehearse(self, watch: Callable[[Moment], None]) -> Report:
        """Perform everything on a copy, in a thread with a loop of its own."""
        from keyturn.wiring.rehearsal_run import RehearsalOptions, rehearse_in_thread

        one = self._options.change
        options = RehearsalOptions(one.folder, one.files, one.env_files, one.profiles)
        return (await rehearse_in_thread(options, watch))["keyturn"]

    async def _planned(
        self, wish: Wish | TurnWish, plan: Callable[[Evidence, Deployment], Proposal]
    ) -> Proposal:
        lines = len(self.workshop.journal.records())
        known, refused = self._made.get(wish), self._refused.get(wish)
        if known is not None and await asyncio.to_thread(self._fits, known, lines):
            return known[2]
        if refused is not None and await asyncio.to_thread(refused.fits, self._clock(), lines):
            raise refused.value.with_traceback(None)
        dialect = await self._spoken()
        files = WatchedSource(self.workshop.source)

        def make() -> Proposal:
            seen = gather(self.runs(), self._options.access_log, self._options.database_file)
            deployment = self.workshop.deployment(dialect)
            return plan(seen, replace(deployment, source=files, now=self._clock()))

        try:
            made = await asyncio.to_thread(make)
        except KeyturnError as error:
            self._refused = {wish: Kept(error, files, lines, self._again(error))}
            raise
        self._made = {wish: (self._clock(), lines, made)}
        return made

    def _again(self, refused: KeyturnError) -> datetime:
        """Return when what was refused is tried again: soon, and when a wait is over."""
        soon = self._clock() + _REFUSED
        return (
            min(soon, from_unix(refused.until_unix)) if isinstance(refused, WaitNotOver) else soon
        )

    async def _spoken(self) -> Dialect:
        """Return how the program that runs the containers reads files."""
        known, now = self._dialect, self._clock()
        if known is None or now >= known[0]:
            known = self._dialect = (now + _PROGRAM, await self.workshop.dialect())
        return known[1]

    def _fits(self, known: tuple[datetime, int, Proposal], lines: int) -> bool:
        made, then, proposal = known
        files = DeploymentWriter(self.workshop.folder)
        return (
            then == lines
            and (self._clock() - made).total_seconds() < _SAME
            and all(
                (stamp.sha256 if (stamp := files.stamp(path)) else None) == sha
                for path, sha in proposal.prepared.plan.inputs.items()
            )
        )


class NoApiKeys:
    """A deployment's own keys open nothing here: programs bring a session of the console."""

    async def list(self) -> Sequence[ApiKeyRecord]:
        """There are none."""
        return ()

    async def touch(self, seen: Mapping[UUID | bytes, datetime]) -> None:
        """Nothing is recorded."""
        del seen


class Deeds:
    """Visits and deeds, in the console's log beside the journal."""

    def __init__(self, deployment: Path) -> None:
        self._log = ConsoleLog(deployment)

    async def record_visit(self, verb: VisitVerb, *, at: datetime, actor: str, visit: str) -> None:
        """Add who signed in or out."""
        self._log.add(at, actor, verb, visit)

    async def record(self, deed: Deed) -> None:
        """Add what somebody did."""
        self._log.add(deed.at, deed.actor, deed.verb, deed.what)

    async def newest(self, limit: int) -> Sequence[Deed]:
        """Return the newest lines."""
        return [Deed(*one) for one in self._log.newest(limit)]


def _secret_in(path: str | None) -> Secret | None:
    return None if path is None else Secret(Path(path).read_bytes().strip())


async def _never(question: str) -> bool:
    del question
    return False
