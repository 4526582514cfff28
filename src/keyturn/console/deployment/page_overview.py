"""The overview of a deployment: one sentence, the timeline, and what doctor wants mended."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from keyturn.console.deployment.facts import gather
from keyturn.console.deployment.story import phases, sentence, timeline
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.console.visit import Guest
from keyturn.doctor.finding import Severity

_FIRST = 5
Visitor = Guest[DeploymentServices]


async def show(visit: Visitor) -> Response:
    """``GET /``."""
    return visit.page("deployment_overview", **await _facts(visit))


async def fragment(visit: Visitor) -> str:
    """Return what changes by itself: the sentence and the timeline."""
    return visit.html("deployment_overview_live", **await _facts(visit))


async def _facts(visit: Visitor) -> dict[str, Any]:
    found = await gather(visit.services)
    problems = [one for one in found.report.findings if one.severity is not Severity.NOTICE]
    return {
        "statement": sentence(
            found.report, found.standing, found.job, found.outlook, found.following
        ),
        "phases": phases(found.report.readiness),
        "entries": timeline(found.runs, found.standing, found.outlook, visit.now),
        "outlook": found.outlook,
        "settled": found.settled,
        "migrated": found.migrated,
        "job": found.job,
        "problems": problems[:_FIRST],
        "more": max(0, len(problems) - _FIRST),
        "folder": visit.services.bench.folder,
        "runner": visit.services.bench.runner,
    }
