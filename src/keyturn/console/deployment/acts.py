"""What people and programs may do to a deployment; pages and API both come through here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.console.deployment.jobs import Job, Kind
from keyturn.console.deployment.shelf import Shelved
from keyturn.console.deployment.workbench import Deed, DeploymentServices
from keyturn.console.errors import BadRequest, ForgedRequest
from keyturn.flows.apply_plan import applied, begin, resume
from keyturn.flows.apply_undo import rollback, undo
from keyturn.flows.migrate import Wish
from keyturn.flows.ports.apply import Moment, Ports, Progress
from keyturn.flows.rehearse import Moment as RehearsalMoment
from keyturn.flows.rotate import TurnWish
from keyturn.migrate.run import NothingToDo, RunUnderWay
from keyturn.migrate.wording import in_words

ALGORITHMS: Final = ("ES256", "RS256", "EdDSA")
"""Of keys that a migration can make; the first is what it makes when nobody says otherwise."""


class NotConfirmed(ForgedRequest):
    """What was typed is not the name of the key; nothing was changed."""

    code = "not_confirmed"
    default_hint = "Type the key's name exactly as it is shown."


@dataclass(frozen=True)
class Doer:
    """Who does something, and when."""

    actor: str
    now: datetime


async def plan_migration(services: DeploymentServices, wish: Wish, now: datetime) -> Shelved:
    """Make the plan of a phase and keep it; raises what the flow raises, and ``RunUnderWay``."""
    _settled(services)
    return services.shelf.put(await services.bench.plan_migration(wish), now)


async def plan_rotation(services: DeploymentServices, wish: TurnWish, now: datetime) -> Shelved:
    """Make the plan of a rotation and keep it; raises like :func:`plan_migration`."""
    _settled(services)
    return services.shelf.put(await services.bench.plan_rotation(wish), now, wish.revoke)


async def carry_out(
    services: DeploymentServices, doer: Doer, name: str, *, confirm: str = "", wait: bool = False
) -> Job:
    """Begin the plan ``name`` that was looked at.

    Raises ``PlanGone``, ``Busy``, and :class:`NotConfirmed` for a revocation whose key was not
    typed. What else can go wrong is told by the job.
    """
    kept = services.shelf.get(name, doer.now)
    if kept.revokes is not None and confirm.strip() != kept.revokes:
        raise NotConfirmed
    prepared = kept.proposal.prepared

    async def work(ports: Ports) -> object:
        return await begin(ports, prepared, wait=wait)

    return await _change(services, doer, Kind.APPLY, prepared.plan.title, work)


async def go_on(services: DeploymentServices, doer: Doer, *, wait: bool = False) -> Job:
    """Resume the newest change; raises ``Busy`` and ``NothingToDo``."""

    async def work(ports: Ports) -> object:
        return await resume(ports, wait=wait)

    return await _change(services, doer, Kind.RESUME, _newest_title(services), work)


async def take_back(services: DeploymentServices, doer: Doer, kind: Kind) -> Job:
    """Take back one step (``UNDO``) or the whole change; raises ``Busy`` and ``NothingToDo``."""

    async def work(ports: Ports) -> object:
        return applied(await (undo if kind is Kind.UNDO else rollback)(ports))

    return await _change(services, doer, kind, _newest_title(services), work)


async def rehearse(services: DeploymentServices, doer: Doer) -> Job:
    """Begin a rehearsal on a copy; raises ``Busy``."""

    async def work(job: Job) -> object:
        def watch(moment: RehearsalMoment) -> None:
            job.doing, job.part = f"{moment.phase.title} {moment.doing}".strip(), moment.part

        return await services.bench.rehearse(watch)

    job = services.jobs.start(Kind.REHEARSAL, "Rehearsal on a copy", doer.actor, work)
    await services.deeds.record(Deed(doer.now, doer.actor, "rehearse", services.bench.folder))
    return job


async def ask_services(services: DeploymentServices, doer: Doer) -> Job:
    """Begin to ask the running services what they accept; raises ``Busy``."""

    async def work(job: Job) -> object:
        del job
        return await services.bench.ask_services()

    job = services.jobs.start(Kind.QUESTIONS, "Asking the services", doer.actor, work)
    await services.deeds.record(Deed(doer.now, doer.actor, "probe", services.bench.folder))
    return job


async def stop(services: DeploymentServices, doer: Doer) -> Job:
    """Stop waiting, or end a rehearsal; raises ``NotWaiting``."""
    job = services.jobs.stop()
    await services.deeds.record(Deed(doer.now, doer.actor, "stop", job.title))
    return job


async def _change(
    services: DeploymentServices,
    doer: Doer,
    kind: Kind,
    title: str,
    work: Callable[[Ports], Awaitable[object]],
) -> Job:
    async def run(job: Job) -> object:
        services.shelf.clear()
        return await work(await services.bench.ports(_watching(job, services)))

    job = services.jobs.start(kind, title, doer.actor, run)
    await services.deeds.record(Deed(doer.now, doer.actor, kind.value, title))
    return job


def _watching(job: Job, services: DeploymentServices) -> Callable[[Progress], None]:
    def watch(progress: Progress) -> None:
        now, name = services.clock(), progress.command.id
        job.doing = in_words(progress.command)
        if progress.moment in (Moment.STARTED, Moment.RESTORING):
            job.begin(name, now)
        elif progress.moment is Moment.WAITING:
            job.waits_until = int(progress.detail) if progress.detail.isdigit() else None
        else:
            job.finish(name, now)

    return watch


def _newest_title(services: DeploymentServices) -> str:
    found = services.bench.runs()
    if not found:
        raise NothingToDo("Nothing was ever changed here.")
    return found[-1].plan.title


def _settled(services: DeploymentServices) -> None:
    found = services.bench.runs()
    if found and not found[-1].settled:
        raise RunUnderWay(
            f"The change “{found[-1].plan.title}” is not finished.",
            hint="Go on with it, or take it back; then look at the next plan.",
        )


def algorithm(text: str) -> str:
    """Return the algorithm of a new key, ES256 for an empty text; raises :class:`BadRequest`."""
    if text not in ("", *ALGORITHMS):
        raise BadRequest(f"The algorithm of a new key is one of {', '.join(ALGORITHMS)}.")
    return text or ALGORITHMS[0]


def jwks_cache(text: str) -> int:
    """Return seconds, 0 for an empty text; raises :class:`BadRequest`."""
    text = text.strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= 86_400):
        raise BadRequest("What a CDN caches the JWKS for is a number of seconds, at most 86400.")
    return int(text)
