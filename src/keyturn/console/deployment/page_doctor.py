"""Doctor: findings with places and fixes, the matrix, and the way of a pasted token."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from keyturn.console.deployment import acts
from keyturn.console.deployment.api import cell_of
from keyturn.console.deployment.facts import examined
from keyturn.console.deployment.jobs import Kind
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.console.live import Last
from keyturn.console.problems import status_of
from keyturn.console.visit import Guest, actor_of
from keyturn.doctor.lines import change_of
from keyturn.doctor.matrix_symbols import legend, marked
from keyturn.doctor.report import Report
from keyturn.errors import KeyturnError
from keyturn.flows.doctor_fix import name_of

Visitor = Guest[DeploymentServices]
DOCTOR = "/doctor"


async def show(visit: Visitor) -> Response:
    """``GET /doctor``."""
    return await _show(visit, None)


async def probe(visit: Visitor) -> Response:
    """``POST /doctor/probe``: ask the running services."""
    try:
        await acts.ask_services(visit.services, acts.Doer(actor_of(visit.session), visit.now))
    except KeyturnError as error:
        return await _show(visit, error)
    return visit.seen(DOCTOR)


async def plan_fixes(visit: Visitor) -> Response:
    """``POST /doctor/fix``: make the plan of the safe changes and look at it."""
    one = visit.form.get("finding", "").strip()
    try:
        found = frozenset({one} if one else ())
        kept = await acts.plan_fixes(visit.services, found, visit.now)
    except KeyturnError as error:
        return await _show(visit, error)
    return visit.seen(f"/migrate/plans/{kept.id}")


async def questions_fragment(visit: Visitor) -> str:
    """Return whether the running services are still being asked."""
    asked = visit.services.jobs.last(Kind.QUESTIONS)
    asking = asked is not None and asked.going_on
    html = visit.html("doctor_questions", asking=asking)
    return html if asking else Last(html)


async def show_cell(visit: Visitor) -> Response:
    """``GET /doctor/cells/{service}/{credential}``: every step of the way."""
    found = await examined(visit.services)
    names = visit.request.path_params
    cell = cell_of(found.report, names["service"], names["credential"])
    service = found.report.inventory.of_kind(cell.service)
    about = [one for one in found.report.findings if service and one.service == service.name]
    return visit.page("doctor_cell", cell=cell, word=marked(cell), about=about)


async def follow(visit: Visitor) -> Response:
    """``POST /doctor/follow``: the way of a token that is pasted; it is nowhere kept."""
    try:
        _, why = await visit.services.bench.explain(visit.form.get("token", ""))
    except KeyturnError as error:
        return visit.page("doctor_follow", status=status_of(error), why=None, error=error)
    return visit.page("doctor_follow", why=why, error=None)


async def ask_follow(visit: Visitor) -> Response:
    """``GET /doctor/follow``: the form."""
    return visit.page("doctor_follow", why=None, error=None)


async def _show(visit: Visitor, error: KeyturnError | None) -> Response:
    found = await examined(visit.services)
    report = found.report
    asked = visit.services.jobs.last(Kind.QUESTIONS)
    runs, job = visit.services.bench.runs(), visit.services.jobs.current
    return visit.page(
        "doctor",
        status=status_of(error) if error is not None else 200,
        report=report,
        findings=_shown(report),
        counts=[(kind.value, number) for kind, number in report.counts.items() if number],
        matrix=report.matrix,
        marked=marked,
        legend=legend(report.matrix) if report.matrix else "",
        unreachable=found.unreachable,
        asking=asked is not None and asked.going_on,
        asked=asked,
        fixes=len(report.changes(safe=True)),
        settled=not (runs and not runs[-1].settled) and not (job is not None and job.changes),
        error=error or (asked.problem if asked is not None else None),
    )


def _shown(report: Report) -> list[dict[str, Any]]:
    """Return the findings with the lines that they change; ``first`` of its kind is linked to."""
    known: set[str] = set()
    shown = []
    for one in report.findings:
        changes = [change_of(edit, report.inventory) for edit in one.edits]
        first = one.id not in known
        shown.append({"is": one, "name": name_of(one), "changes": changes, "first": first})
        known.add(one.id)
    return shown
