"""Edge Functions as far as a rehearsal needs them: the official main script, and one function.

The rules are those of :mod:`keyturn.profiles.functions`, generations v0 to v3. Behind them stands
the function ``echo``; any other name is 404 as edge-runtime writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.clock import Clock
from keyturn.deploy.inventory import Kind
from keyturn.profiles import functions
from keyturn.profiles.functions_words import CODED_SINCE
from keyturn.profiles.request import Request
from keyturn.profiles.verdict import Outcome, Verdict
from keyturn.standins.reasons import because

FUNCTION: Final = "echo"
_METHODS: Final = ["GET", "POST", "OPTIONS"]


def functions_app(config: Callable[[], functions.Config], clock: Clock) -> Starlette:
    """Return the application; ``config`` is asked at each request (v1 fetches Auth's keys)."""

    async def answer(request: HttpRequest) -> Response:
        name = request.path_params["name"].partition("/")[0]
        if request.method == "OPTIONS":
            return Response("ok")
        headers = request.headers
        asked = Request(
            Kind.FUNCTIONS,
            headers.get("authorization"),
            headers.get("apikey"),
            sb_api_key=headers.get("sb-api-key"),
        )
        held = config()
        verdict = functions.judge(held, asked, clock())
        if verdict.outcome is Outcome.REFUSED:
            return _refusal(held, verdict)
        if name != FUNCTION:
            gone = {"code": "NOT_FOUND", "message": "Requested function was not found"}
            return JSONResponse(gone, 404)
        return JSONResponse({"function": name, "role": verdict.role})

    return Starlette(routes=[Route("/{name:path}", answer, methods=_METHODS)])


def _refusal(config: functions.Config, verdict: Verdict) -> Response:
    headers = because(verdict.why)
    if (config.script or 0) < CODED_SINCE:
        return JSONResponse({"msg": verdict.message}, verdict.status or 401, headers)
    headers["sb-error-code"] = verdict.code or ""
    body = {"code": verdict.code, "message": verdict.message, "msg": verdict.message}
    return JSONResponse(body, verdict.status or 401, headers)
