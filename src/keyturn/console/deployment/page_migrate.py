"""The guided path: the next phase or rotation, its plan, its run, and the way back."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from keyturn.console.deployment import acts
from keyturn.console.deployment.facts import WayBack, gather, keys_of, way_back
from keyturn.console.deployment.jobs import Kind
from keyturn.console.deployment.shelf import Shelved
from keyturn.console.deployment.shown import diff_lines, steps
from keyturn.console.deployment.story import STATUS_WORDS, Outlook, next_step, phases
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.console.live import Last
from keyturn.console.problems import status_of
from keyturn.console.visit import Guest, actor_of
from keyturn.errors import KeyturnError
from keyturn.flows.apply_plan import Applied
from keyturn.flows.migrate import Wish
from keyturn.flows.rehearse_report import Report
from keyturn.flows.rotate import TurnWish
from keyturn.migrate.commands import Probe, WaitUntil
from keyturn.migrate.proven import proven
from keyturn.migrate.run import NothingToDo, Run, Status

Visitor = Guest[DeploymentServices]
MIGRATE = "/migrate"
RUN = "/migrate/run"
REHEARSAL = "/migrate/rehearsal"
FIX = "fix"
"""The verb of a plan that makes doctor's changes."""
_DEEDS = 8


async def show(visit: Visitor) -> Response:
    """``GET /migrate``: the path, what is under way, what comes next, what was done."""
    return await _show(visit, None)


async def plan_phase(visit: Visitor) -> Response:
    """``POST /migrate/plan``: make the plan of the next phase and look at it."""
    try:
        wish = Wish(
            alg=acts.algorithm(visit.form.get("alg", "")),
            extra_caches=acts.jwks_cache(visit.form.get("jwks_cache", "")),
            i_know=visit.form.get("i_know", "").strip() or None,
        )
        kept = await acts.plan_migration(visit.services, wish, visit.now)
    except KeyturnError as error:
        return await _show(visit, error)
    return visit.seen(f"{MIGRATE}/plans/{kept.id}")


async def plan_turn(visit: Visitor) -> Response:
    """``POST /migrate/rotation``: make the plan of a rotation and look at it."""
    verb = visit.form.get("verb", "rotate")
    try:
        wish = TurnWish(
            verb == "publish",
            visit.form.get("kid", "").strip() if verb == "revoke" else None,
            acts.jwks_cache(visit.form.get("jwks_cache", "")),
        )
        kept = await acts.plan_rotation(visit.services, wish, visit.now)
    except KeyturnError as error:
        return await _show(visit, error)
    return visit.seen(f"{MIGRATE}/plans/{kept.id}")


async def show_plan(visit: Visitor) -> Response:
    """``GET /migrate/plans/{id}``: every step, what users notice, and the redacted diff."""
    return _plan(visit, visit.services.shelf.get(visit.request.path_params["id"], visit.now), None)


async def carry_out(visit: Visitor) -> Response:
    """``POST /migrate/plans/{id}``: begin it, and watch."""
    name = visit.request.path_params["id"]
    kept = visit.services.shelf.get(name, visit.now)
    confirm = visit.form.get("confirm", "")
    try:
        await acts.carry_out(visit.services, _doer(visit), name, confirm=confirm, pace=_pace(visit))
    except KeyturnError as error:
        return _plan(visit, kept, error)
    return visit.seen(RUN)


async def show_run(visit: Visitor) -> Response:
    """``GET /migrate/run``: the newest change, step by step."""
    return visit.page("deployment_run", **_run_facts(visit, None))


async def run_fragment(visit: Visitor) -> str:
    """Return the steps as they stand; the last fragment when nothing goes on or waits."""
    facts = _run_facts(visit, None)
    html = visit.html("deployment_run_live", **facts)
    return html if facts["moving"] else Last(html)


async def go_on(visit: Visitor) -> Response:
    """``POST /migrate/resume``."""
    try:
        await acts.go_on(visit.services, _doer(visit), _pace(visit))
    except KeyturnError as error:
        return _refused_run(visit, error)
    return visit.seen(RUN)


async def ask_undo(visit: Visitor) -> Response:
    """``GET /migrate/undo``: what would go back."""
    return await _ask_back(visit, Kind.UNDO)


async def ask_rollback(visit: Visitor) -> Response:
    """``GET /migrate/rollback``: what would go back."""
    return await _ask_back(visit, Kind.ROLLBACK)


async def undo(visit: Visitor) -> Response:
    """``POST /migrate/undo``."""
    return await _back(visit, Kind.UNDO)


async def rollback(visit: Visitor) -> Response:
    """``POST /migrate/rollback``."""
    return await _back(visit, Kind.ROLLBACK)


async def stop(visit: Visitor) -> Response:
    """``POST /migrate/stop``: stop waiting, or end a rehearsal."""
    try:
        job = await acts.stop(visit.services, _doer(visit))
    except KeyturnError as error:
        return _refused_run(visit, error)
    return visit.seen(REHEARSAL if job.kind is Kind.REHEARSAL else RUN)


async def show_rehearsal(visit: Visitor) -> Response:
    """``GET /migrate/rehearsal``: what it would do, how far it is, what came of it."""
    return visit.page("deployment_rehearsal", error=None, **_rehearsal_facts(visit))


async def rehearsal_fragment(visit: Visitor) -> str:
    """Return how far the rehearsal is."""
    facts = _rehearsal_facts(visit)
    html = visit.html("deployment_rehearsal_live", **facts)
    return html if facts["job"] is not None and facts["job"].going_on else Last(html)


async def rehearse(visit: Visitor) -> Response:
    """``POST /migrate/rehearsal``."""
    try:
        await acts.rehearse(visit.services, _doer(visit))
    except KeyturnError as error:
        facts = _rehearsal_facts(visit)
        return visit.page("deployment_rehearsal", status=status_of(error), error=error, **facts)
    return visit.seen(REHEARSAL)


async def _show(visit: Visitor, error: KeyturnError | None) -> Response:
    found = await gather(visit.services)
    outlook = Outlook(error=error) if error is not None else found.outlook
    return visit.page(
        "deployment_migrate",
        status=status_of(error) if error is not None else 200,
        found=found,
        phases=phases(found.report.readiness),
        outlook=outlook,
        past=list(reversed(found.runs)),
        deeds=await visit.services.deeds.newest(_DEEDS),
        words=STATUS_WORDS,
        keys=keys_of(found.report),
        following=found.following,
        form=visit.form,
    )


def _plan(visit: Visitor, kept: Shelved, error: KeyturnError | None) -> Response:
    prepared = kept.proposal.prepared
    return visit.page(
        "deployment_plan",
        status=status_of(error) if error is not None else 200,
        kept=kept,
        plan=prepared.plan,
        steps=steps(prepared.plan),
        notes=[*prepared.plan.notes, *kept.proposal.warnings],
        diff=diff_lines(prepared.diff),
        runner=visit.services.bench.runner,
        waits=any(isinstance(one, WaitUntil) for one in prepared.plan.commands),
        proves=any(isinstance(one, Probe) for one in prepared.plan.commands),
        error=error,
    )


def _run_facts(visit: Visitor, error: KeyturnError | None) -> dict[str, Any]:
    services = visit.services
    found, job = (
        services.bench.runs(),
        services.jobs.last(Kind.APPLY, Kind.RESUME, Kind.UNDO, Kind.ROLLBACK),
    )
    run = found[-1] if found else None
    standing = services.bench.standing()
    going = job is not None and job.going_on
    waits = standing.waits_until if standing is not None else None
    return {
        "run": run,
        "job": job,
        "going": going,
        "moving": going or waits is not None,
        "standing": standing,
        "steps": steps(run.plan, run, job) if run is not None else (),
        "following": next_step(run) if run is not None else None,
        "words": STATUS_WORDS,
        "summary": _summary(run) if run is not None and run.status is Status.FINISHED else (),
        "ended_well": job is not None and isinstance(job.result, Applied),
        "error": error,
    }


def _summary(run: Run) -> tuple[str, ...]:
    found = proven(run.plan, tuple(run.done_at))
    if run.plan.verb == FIX and not found.held:
        return ("The files say what doctor asked for, and the services were told.",)
    return found.sentences()


def _refused_run(visit: Visitor, error: KeyturnError) -> Response:
    return visit.page("deployment_run", status=status_of(error), **_run_facts(visit, error))


async def _ask_back(visit: Visitor, kind: Kind, error: KeyturnError | None = None) -> Response:
    back: WayBack | None
    try:
        back = await way_back(visit.services, kind)
    except NothingToDo:
        back = None
    return visit.page(
        "deployment_back",
        status=status_of(error) if error is not None else 200,
        back=back,
        kind=kind.value,
        error=error,
    )


async def _back(visit: Visitor, kind: Kind) -> Response:
    try:
        await acts.take_back(visit.services, _doer(visit), kind)
    except KeyturnError as error:
        return await _ask_back(visit, kind, error)
    return visit.seen(RUN)


def _rehearsal_facts(visit: Visitor) -> dict[str, Any]:
    job = visit.services.jobs.last(Kind.REHEARSAL)
    result = job.result if job is not None and isinstance(job.result, Report) else None
    return {"job": job, "result": result, "folder": visit.services.bench.folder}


def _pace(visit: Visitor) -> acts.Pace:
    return acts.Pace(visit.form.get("wait") == "yes", visit.form.get("one_step") == "yes")


def _doer(visit: Visitor) -> acts.Doer:
    return acts.Doer(actor_of(visit.session), visit.now)
