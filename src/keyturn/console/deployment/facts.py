"""What the pages and the API tell about a deployment."""

from __future__ import annotations

from dataclasses import dataclass

from keyturn.console.deployment.jobs import Job, Kind
from keyturn.console.deployment.story import NextStep, Outlook, next_step
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.doctor.report import Report
from keyturn.errors import Conflict, RefusedUnsafe, UsageError
from keyturn.flows.apply_status import Standing
from keyturn.flows.apply_undo import Return, returning
from keyturn.flows.doctor import Examined
from keyturn.flows.migrate import Wish
from keyturn.flows.rotate import TurnWish
from keyturn.keyring.states import KeyState
from keyturn.migrate.deployment_keys import read_keys
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
    def following(self) -> NextStep | None:
        """The next step of the change that is not finished."""
        return next_step(self.runs[-1]) if self.runs else None

    @property
    def migrated(self) -> bool:
        """Whether all phases are done: from then on keys are only rotated."""
        return self.report.readiness.next is None


@dataclass(frozen=True)
class WayBack:
    """What taking back would do."""

    does: Return
    notes: tuple[str, ...]
    """What ends with it, or is trusted again."""

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {**self.does.as_dict(), "notes": list(self.notes)}


async def way_back(services: DeploymentServices, kind: Kind) -> WayBack:
    """Return what taking back would do; raises ``NothingToDo`` when nothing is in force."""
    found = returning(services.bench.runs(), only_last_step=kind is Kind.UNDO)
    return WayBack(found, await services.bench.losses(found))


def keys_of(report: Report) -> list[tuple[KeyState, str]]:
    """Return the states and names of the asymmetric keys that Auth has: what may be revoked."""
    keys = read_keys(report.inventory)
    known = (
        (KeyState.IN_USE, (keys.in_use,) if keys.in_use else ()),
        (KeyState.STANDBY, keys.standby),
        (KeyState.PREVIOUSLY_USED, keys.previously_used),
    )
    return [(state, one.kid) for state, ones in known for one in ones if one.kid]


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
