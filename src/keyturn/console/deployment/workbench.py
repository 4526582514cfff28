"""What the console of a deployment works with; wiring opens the folder behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from keyturn.console.deployment.jobs import Jobs
from keyturn.console.deployment.shelf import Shelf
from keyturn.console.services import Reception
from keyturn.deploy.inventory import Inventory
from keyturn.doctor.why import Why
from keyturn.flows.apply_status import Standing
from keyturn.flows.apply_undo import Return
from keyturn.flows.change import Proposal
from keyturn.flows.doctor import Examined
from keyturn.flows.migrate import Wish
from keyturn.flows.ports.apply import Ports, Progress
from keyturn.flows.rehearse import Moment
from keyturn.flows.rehearse_report import Report
from keyturn.flows.rotate import TurnWish
from keyturn.migrate.journal import Chosen
from keyturn.migrate.run import Run


@dataclass(frozen=True)
class Equipped:
    """What carrying out a plan needs."""

    ports: Ports
    chosen: Chosen | None = None
    """How, to be kept with the change for whoever goes on with it; None: as it began."""


class Workbench(Protocol):
    """One deployment folder. Nothing here changes it but what goes through :meth:`ports`."""

    @property
    def folder(self) -> str:
        """The folder, as people know it."""
        ...

    @property
    def runner(self) -> str:
        """How services are told, as ``--runner`` says it."""
        ...

    def runs(self) -> tuple[Run, ...]:
        """Return what the journal says, oldest first."""
        ...

    def standing(self) -> Standing | None:
        """Return how the newest run stands, None when there never was one."""
        ...

    async def examine(self) -> Examined:
        """Read the files as doctor does; raises ``Unreadable``."""
        ...

    async def ask_services(self) -> Examined:
        """Examine, and ask the running services as well; raises ``UsageError`` without an URL."""
        ...

    async def explain(self, text: str) -> tuple[Inventory, Why]:
        """Follow one credential; raises ``NotACredential``."""
        ...

    async def plan_migration(self, wish: Wish) -> Proposal:
        """Return the plan of a phase; raises like :func:`keyturn.flows.migrate.plan_migration`."""
        ...

    async def plan_rotation(self, wish: TurnWish) -> Proposal:
        """Return a plan; raises like :func:`keyturn.flows.rotate.plan_rotation`."""
        ...

    async def losses(self, back: Return) -> tuple[str, ...]:
        """Return what ends, or is trusted again, when ``back`` is done."""
        ...

    async def plan_fixes(self, findings: frozenset[str]) -> Proposal:
        """Return the plan of doctor's safe changes: of these findings, of all when none is named.

        Raises ``NothingToFix``.
        """
        ...

    async def equipped(
        self, progress: Callable[[Progress], None], run: Run | None = None
    ) -> Equipped:
        """Return what carrying out a plan needs; raises ``Unreachable`` and ``UsageError``.

        ``run``: to go on with it as it began, where the command line does not say otherwise.
        """
        ...

    async def rehearse(self, watch: Callable[[Moment], None]) -> Report:
        """Perform everything on a copy; cancelling the call ends it and deletes the copy."""
        ...


@dataclass(frozen=True)
class Deed:
    """One line of who did what through the console."""

    at: datetime
    actor: str
    verb: str
    what: str


class DeedLog(Protocol):
    """The console's own log; what became of a change stands in the journal."""

    async def record(self, deed: Deed) -> None:
        """Add a line."""
        ...

    async def newest(self, limit: int) -> Sequence[Deed]:
        """Return up to ``limit`` lines, newest first."""
        ...


@dataclass(frozen=True, kw_only=True)
class DeploymentServices(Reception):
    """What pages and API of a deployment's console work with."""

    bench: Workbench
    deeds: DeedLog
    jobs: Jobs
    shelf: Shelf = field(default_factory=Shelf)
    """The plans that were shown and may be carried out."""
