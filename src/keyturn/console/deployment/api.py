"""The admin API of a deployment's console: everything that its pages show and do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from keyturn.console.api.call import CallOf, only, text
from keyturn.console.api.operations import RowOf
from keyturn.console.deployment import acts
from keyturn.console.deployment.facts import (
    Standings,
    examined,
    gather,
    keys_of,
    way_back,
)
from keyturn.console.deployment.jobs import Job, Kind
from keyturn.console.deployment.shelf import Shelved
from keyturn.console.deployment.story import Outlook, phases, sentence, timeline
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.console.errors import BadRequest, NotFound
from keyturn.console.problems import as_json
from keyturn.deploy.inventory import Kind as Service
from keyturn.doctor.matrix import Cell
from keyturn.doctor.report import Report
from keyturn.flows.apply_plan import Applied
from keyturn.flows.migrate import Wish
from keyturn.flows.rehearse_report import Report as Rehearsed
from keyturn.flows.rotate import TurnWish
from keyturn.migrate.plan_json import plan_document
from keyturn.migrate.proven import proven
from keyturn.migrate.run import Run
from keyturn.profiles.request import CredentialKind

Call = CallOf[DeploymentServices]
_MOST: Final = 200
_VERBS: Final = ("migrate", "rotate", "publish", "revoke", "fix")


async def show(call: Call) -> object:
    """How the deployment stands."""
    found = await gather(call.services)
    said = sentence(found.report, found.standing, found.job, found.outlook, found.following)
    entries = timeline(found.runs, found.standing, found.outlook, call.now)
    return {
        "folder": call.services.bench.folder,
        "runner": call.services.bench.runner,
        "statement": said.text,
        "good": said.good,
        "phases": [msgspec.to_builtins(one) for one in phases(found.report.readiness)],
        "readiness": plain(found.report.readiness.as_dict()),
        "timeline": [msgspec.to_builtins(one) for one in entries],
        "next": outlook_json(found.outlook),
        "keys": [{"kid": kid, "state": state.value} for state, kid in keys_of(found.report)],
        "change": _change_json(found),
        "job": job_json(found.job),
    }


async def make_plan(call: Call) -> object:
    """Make the plan of the next phase, of a rotation, of a revocation, or of doctor's fixes."""
    only(call.body, "verb", "alg", "jwks_cache", "i_know", "kid", "keep", "findings")
    verb = text(call.body, "verb", among=_VERBS)
    if verb == "fix":
        return plan_json(await acts.plan_fixes(call.services, _findings(call), call.now))
    cache = acts.jwks_cache(str(call.body.get("jwks_cache", "")))
    if verb == "migrate":
        alg = acts.algorithm(str(call.body.get("alg", "")))
        why = text(call.body, "i_know") if "i_know" in call.body else None
        wish = Wish(alg=alg, extra_caches=cache, i_know=why)
        return plan_json(await acts.plan_migration(call.services, wish, call.now))
    turn = TurnWish(
        verb == "publish",
        text(call.body, "kid") if verb == "revoke" else None,
        cache,
        call.body.get("keep") is True,
    )
    return plan_json(await acts.plan_rotation(call.services, turn, call.now))


async def get_plan(call: Call) -> object:
    """A plan that was made a short while ago."""
    return plan_json(call.services.shelf.get(call.path["id"], call.now))


async def carry_out(call: Call) -> object:
    """Begin a plan."""
    only(call.body, "confirm", "wait", "one_step")
    confirm = str(call.body.get("confirm", ""))
    return job_json(
        await acts.carry_out(
            call.services, _doer(call), call.path["id"], confirm=confirm, pace=_pace(call)
        )
    )


async def list_changes(call: Call) -> object:
    """The journal, newest change first."""
    return {"changes": [_run_json(run) for run in reversed(call.services.bench.runs())]}


async def go_on(call: Call) -> object:
    """Resume the newest change."""
    only(call.body, "wait", "one_step")
    return job_json(await acts.go_on(call.services, _doer(call), _pace(call)))


async def show_undo(call: Call) -> object:
    """What would go back with the newest step."""
    return plain((await way_back(call.services, Kind.UNDO)).as_dict())


async def show_rollback(call: Call) -> object:
    """What would go back with the newest change."""
    return plain((await way_back(call.services, Kind.ROLLBACK)).as_dict())


async def undo(call: Call) -> object:
    """Take back the newest step."""
    return job_json(await acts.take_back(call.services, _doer(call), Kind.UNDO))


async def rollback(call: Call) -> object:
    """Take back the newest change."""
    return job_json(await acts.take_back(call.services, _doer(call), Kind.ROLLBACK))


async def get_job(call: Call) -> object:
    """What goes on, or went on last."""
    return {"job": job_json(call.services.jobs.newest)}


async def stop(call: Call) -> object:
    """Stop waiting, or end a rehearsal."""
    return job_json(await acts.stop(call.services, _doer(call)))


async def rehearse(call: Call) -> object:
    """Begin a rehearsal."""
    return job_json(await acts.rehearse(call.services, _doer(call)))


async def get_rehearsal(call: Call) -> object:
    """What came of the newest rehearsal."""
    return {"rehearsal": job_json(call.services.jobs.last(Kind.REHEARSAL))}


async def doctor(call: Call) -> object:
    """Doctor's report, as ``keyturn doctor --json`` prints it."""
    found = await examined(call.services)
    return plain({**found.report.as_dict(), "unreachable": list(found.unreachable)})


async def probe(call: Call) -> object:
    """Begin to ask the running services."""
    return job_json(await acts.ask_services(call.services, _doer(call)))


async def get_cell(call: Call) -> object:
    """One cell of the matrix with every step."""
    report = (await examined(call.services)).report
    return plain(cell_of(report, call.path["service"], call.path["credential"]).as_dict())


async def follow(call: Call) -> object:
    """Follow a token; it is not kept."""
    only(call.body, "token")
    _, why = await call.services.bench.explain(text(call.body, "token"))
    return plain(why.as_dict())


async def list_deeds(call: Call) -> object:
    """Who did what through this console, newest first."""
    lines = await call.services.deeds.newest(_MOST)
    return {"lines": [{**msgspec.to_builtins(one), "at": one.at.isoformat()} for one in lines]}


def cell_of(report: Report, service: str, credential: str) -> Cell:
    """Return a cell by its names; raises ``NotFound``."""
    try:
        name = Service(service), CredentialKind(credential.replace("-", " "))
    except ValueError:
        raise NotFound("There is no such service or credential.") from None
    cell = report.matrix.cell(*name) if report.matrix is not None else None
    if cell is None:
        raise NotFound("This deployment does not have that service or credential.")
    return cell


def plan_json(kept: Shelved) -> dict[str, object]:
    """Return a plan with its redacted diff."""
    prepared = kept.proposal.prepared
    return {
        "id": kept.id,
        "verb": prepared.plan.verb,
        "title": prepared.plan.title,
        "confirm": kept.revokes,
        "plan": plan_document(prepared.plan),
        "warnings": list(kept.proposal.warnings),
        "diff": prepared.diff,
    }


def outlook_json(found: Outlook | None) -> dict[str, object] | None:
    """Return what may be done next; a refusal has its reasons and, where only time lacks, until."""
    if found is None:
        return None
    plan = found.proposal.prepared.plan if found.proposal else None
    refused = {**as_json(found.error), "reasons": found.reasons} if found.error else None
    return {"possible": plan is not None, "title": plan and plan.title, "refused": refused}


def job_json(job: Job | None) -> dict[str, object] | None:
    """Return a job; ``result`` as the command line's ``--json`` would say it."""
    if job is None:
        return None
    return {
        "kind": job.kind.value,
        "title": job.title,
        "actor": job.actor,
        "begun": job.begun.isoformat(),
        "ended": job.ended.isoformat() if job.ended else None,
        "doing": job.doing,
        "part": job.part,
        "waits_until": job.waits_until,
        "stopped": job.stopped,
        "paused": job.paused,
        "took": dict(job.took),
        "problem": as_json(job.problem) if job.problem else None,
        "result": _result_json(job.result),
    }


def plain(value: object) -> Any:
    """Return ``value`` as JSON knows it."""
    return msgspec.to_builtins(value)


def _result_json(result: object) -> object:
    if isinstance(result, Rehearsed):
        return plain(result.as_dict())
    if isinstance(result, Applied):
        return {"run": result.run, "status": result.status.value, "done": list(result.done)}
    return None


def _run_json(run: Run) -> dict[str, object]:
    commands = [{"id": one.id, "state": run.state(one).value} for one in run.plan.commands]
    done = tuple(one.id for one in run.plan.commands if run.states.get(one.id) == "done")
    return {
        "run": run.id,
        "status": run.status.value,
        "runner": next(iter(run.chosen.get("runner", ())), None),
        "begun": run.begun,
        "failure": run.failure,
        "plan": plan_document(run.plan),
        "commands": commands,
        "proven": plain(proven(run.plan, done).as_dict()),
    }


def _doer(call: Call) -> acts.Doer:
    return acts.Doer(call.actor, call.now)


def _change_json(found: Standings) -> dict[str, object] | None:
    """Return how the newest change stands: what it waits for, and what its next step is."""
    if found.standing is None:
        return None
    return {
        **found.standing.as_dict(),
        "next_step": plain(found.following),
    }


def _pace(call: Call) -> acts.Pace:
    return acts.Pace(_flag(call, "wait"), _flag(call, "one_step"))


def _findings(call: Call) -> frozenset[str]:
    given = call.body.get("findings", [])
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise BadRequest('"findings" must be a list of ids of findings.')
    return frozenset(given)


def _flag(call: Call, name: str) -> bool:
    given = call.body.get(name, False)
    if not isinstance(given, bool):
        raise BadRequest(f'"{name}" must be true or false.')
    return given


Row = RowOf[DeploymentServices]
_HERE: Final = "/deployment"

OPERATIONS: Final[Sequence[Row]] = (
    Row("GET", _HERE, show, "How the deployment stands, and what may come next", "Deployment"),
    Row(
        "POST", f"{_HERE}/plans", make_plan,
        "Make a plan: the next phase (migrate), rotate, publish a standby, revoke kid, or fix what "
        "doctor found; 409 with the reasons while it is unsafe, and with until where only time is "
        "missing",
        "Plan", "MakePlan", status=201,
    ),
    Row("GET", f"{_HERE}/plans/{{id}}", get_plan, "Show a plan made lately", "Plan"),
    Row(
        "POST", f"{_HERE}/plans/{{id}}/apply", carry_out,
        "Carry out a plan, or its first step (one_step); a revocation wants the key's name as "
        "confirm", "Job", "ApplyPlan",
        status=202,
    ),
    Row("GET", f"{_HERE}/changes", list_changes, "The journal, newest first", "Changes"),
    Row(
        "POST", f"{_HERE}/changes/newest/resume", go_on,
        "Go on with the newest change, or do its next step (one_step)", "Job",
        "Resume", status=202,
    ),
    Row("GET", f"{_HERE}/changes/newest/undo", show_undo, "What would go back with it", "Return"),
    Row("GET", f"{_HERE}/changes/newest/rollback", show_rollback, "What would go back with it",
        "Return"),
    Row("POST", f"{_HERE}/changes/newest/undo", undo, "Take back its newest step", "Job",
        status=202),
    Row("POST", f"{_HERE}/changes/newest/rollback", rollback, "Take back all of it", "Job",
        status=202),
    Row("GET", f"{_HERE}/job", get_job, "What goes on, or went on last", "Jobs"),
    Row("DELETE", f"{_HERE}/job", stop, "Stop waiting, or end a rehearsal", "Job"),
    Row("POST", f"{_HERE}/rehearsal", rehearse, "Rehearse everything on a copy", "Job",
        status=202),
    Row("GET", f"{_HERE}/rehearsal", get_rehearsal, "The newest rehearsal", "Rehearsal"),
    Row("GET", f"{_HERE}/doctor", doctor, "Doctor's report", "Report"),
    Row("POST", f"{_HERE}/doctor/probe", probe, "Ask the running services as well", "Job",
        status=202),
    Row(
        "POST", f"{_HERE}/doctor/follow", follow,
        "Follow a token to every service; it is neither kept nor logged", "Why", "Follow",
    ),
    Row(
        "GET", f"{_HERE}/doctor/cells/{{service}}/{{credential}}", get_cell,
        "One cell of the matrix, step by step", "Cell",
    ),
    Row("GET", f"{_HERE}/audit-log", list_deeds, "Who did what here, newest first", "Deeds"),
)  # fmt: skip
