"""What the pages and the API tell about a deployment."""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.console.deployment.jobs import Job, Kind
from keyturn.console.deployment.story import Outlook
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.doctor.report import Report
from keyturn.errors import Conflict, RefusedUnsafe, UsageError
from keyturn.flows.apply_status import Standing
from keyturn.flows.doctor import Examined
from keyturn.flows.migrate import Wish
from keyturn.flows.rotate import TurnWish
from keyturn.migrate.run import Run


@dataclass(frozen=True)
class Standings:
    """Everything that the overview and the migration's page show."""

    report: Report
    runs: tuple[Run, ...]
    standing: Standing | None
    job: Job | None
    outlook: Outlook | None
    """None while a change is not finished."""

    @property
    def settled(self) -> bool:
        """Whether another change may begin."""
        return not self.runs or self.runs[-1].settled

    @property
    def migrated(self) -> bool:
        """Whether all phases are done: from then on keys are only rotated."""
        return self.report.readiness.next is None


async def gather(services: DeploymentServices) -> Standings:
    """Return how everything stands; raises ``Unreadable`` and ``DamagedJournal``."""
    report = (await services.bench.examine()).report
    found = services.bench.runs()
    settled = not found or found[-1].settled
    job = services.jobs.current
    look = settled and (job is None or not job.changes)
    following = await outlook(services, report) if look else None
    return Standings(report, found, services.bench.standing(), job, following)


async def outlook(services: DeploymentServices, report: Report) -> Outlook:
    """Return whether the next phase, or after the last one a rotation, may begin now."""
    try:
        if report.readiness.next is None:
            return Outlook(await services.bench.plan_rotation(TurnWish()))
        return Outlook(await services.bench.plan_migration(Wish()))
    except (RefusedUnsafe, UsageError, Conflict) as refused:
        return Outlook(error=refused)


async def examined(services: DeploymentServices) -> Examined:
    """Return what the services answered when they were asked last, else what the files say.

    An answer counts until the deployment is changed through the console.
    """
    asked = services.jobs.last(Kind.QUESTIONS)
    change = services.jobs.last(Kind.APPLY, Kind.RESUME, Kind.UNDO, Kind.ROLLBACK)
    fresh = asked is not None and (change is None or asked.begun > change.begun)
    if fresh and asked is not None and isinstance(asked.result, Examined):
        return asked.result
    return await services.bench.examine()
