"""What people and programs may do to a deployment; pages and API both come through here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.console.deployment.jobs import Job, Kind, Paused
from keyturn.console.deployment.shelf import Shelved
from keyturn.console.deployment.workbench import Deed, DeploymentServices, Equipped
from keyturn.console.errors import BadRequest, ForgedRequest
from keyturn.flows.apply_plan import applied, begin, resume
from keyturn.flows.apply_undo import rollback, undo
from keyturn.flows.migrate import Wish
from keyturn.flows.ports.apply import Moment, Progress
from keyturn.flows.rehearse import Moment as RehearsalMoment
from keyturn.flows.rotate import TurnWish
from keyturn.migrate.run import Run, RunUnderWay, to_resume, to_undo
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


@dataclass(frozen=True)
class Pace:
    """How far a change goes by itself."""

    wait: bool = False
    """Through its waits, instead of ending there."""
    one_step: bool = False
    """To the end of its next step only."""


_AT_ONCE: Final = Pace()


async def plan_migration(services: DeploymentServices, wish: Wish, now: datetime) -> Shelved:
    """Make the plan of a phase and keep it; raises what the flow raises, and ``RunUnderWay``."""
    _settled(services)
    return services.shelf.put(await services.bench.plan_migration(wish), now)


async def plan_rotation(services: DeploymentServices, wish: TurnWish, now: datetime) -> Shelved:
    """Make the plan of a rotation and keep it; raises like :func:`plan_migration`."""
    _settled(services)
    return services.shelf.put(await services.bench.plan_rotation(wish), now, wish.revoke)


async def plan_fixes(
    services: DeploymentServices, findings: frozenset[str], now: datetime
) -> Shelved:
    """Make the plan of doctor's safe changes and keep it; raises ``NothingToFix`` and so on.

    ``findings``: their ids; empty: all of them.
    """
    _settled(services)
    return services.shelf.put(await services.bench.plan_fixes(findings), now)


async def carry_out(
    services: DeploymentServices,
    doer: Doer,
    name: str,
    *,
    confirm: str = "",
    pace: Pace = _AT_ONCE,
) -> Job:
    """Begin the plan ``name`` that was looked at.

    Raises ``PlanGone``, ``Busy``, and :class:`NotConfirmed` for a revocation whose key was not
    typed. What else can go wrong is told by the job.
    """
    kept = services.shelf.get(name, doer.now)
    if kept.revokes is not None and confirm.strip() != kept.revokes:
        raise NotConfirmed
    prepared = kept.proposal.prepared

    async def work(held: Equipped) -> object:
        return await begin(held.ports, prepared, wait=pace.wait, chosen=held.chosen)

    way = _Way(Kind.APPLY, prepared.plan.title, one_step=pace.one_step)
    return await _change(services, doer, way, work)


async def go_on(services: DeploymentServices, doer: Doer, pace: Pace = _AT_ONCE) -> Job:
    """Resume the newest change as it began; raises ``Busy`` and ``NothingToDo``."""

    async def work(held: Equipped) -> object:
        return await resume(held.ports, wait=pace.wait, chosen=held.chosen)

    run = to_resume(services.bench.runs())
    way = _Way(Kind.RESUME, run.plan.title, run, one_step=pace.one_step)
    return await _change(services, doer, way, work)


async def take_back(services: DeploymentServices, doer: Doer, kind: Kind) -> Job:
    """Take back one step (``UNDO``) or the whole change; raises ``Busy`` and ``NothingToDo``."""

    async def work(held: Equipped) -> object:
        back = undo if kind is Kind.UNDO else rollback
        return applied(await back(held.ports, held.chosen))

    run = to_undo(services.bench.runs())
    return await _change(services, doer, _Way(kind, run.plan.title, run), work)


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


@dataclass(frozen=True)
class _Way:
    """What a job does to which change."""

    kind: Kind
    title: str
    run: Run | None = None
    """None: one that begins."""
    one_step: bool = False


async def _change(
    services: DeploymentServices,
    doer: Doer,
    way: _Way,
    work: Callable[[Equipped], Awaitable[object]],
) -> Job:
    async def run(job: Job) -> object:
        services.shelf.clear()
        watch = _watching(job, services, one_step=way.one_step)
        return await work(await services.bench.equipped(watch, way.run))

    job = services.jobs.start(way.kind, way.title, doer.actor, run)
    await services.deeds.record(Deed(doer.now, doer.actor, way.kind.value, way.title))
    return job


def _watching(
    job: Job, services: DeploymentServices, *, one_step: bool
) -> Callable[[Progress], None]:
    """Return who hears of every command; between two, the next one is not begun by raising."""
    steps = set[int]()

    def watch(progress: Progress) -> None:
        now, name = services.clock(), progress.command.id
        if one_step and progress.moment is Moment.STARTED:
            steps.add(progress.command.step)
            if len(steps) > 1:
                raise Paused
        job.doing = in_words(progress.command)
        if progress.moment in (Moment.STARTED, Moment.RESTORING):
            job.begin(name, now)
        elif progress.moment is Moment.WAITING:
            job.waits_until = int(progress.detail) if progress.detail.isdigit() else None
        else:
            job.finish(name, now)

    return watch


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
