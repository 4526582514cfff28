"""What both consoles answer alike: their files, and every refusal in the caller's language."""

from __future__ import annotations

from typing import Any, Final, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from keyturn.console.errors import BadRequest, NotFound, NotSignedIn
from keyturn.console.pages import sign_in
from keyturn.console.problems import as_json, extra_headers, status_of
from keyturn.console.view import SCRIPT, STYLESHEET, render, static
from keyturn.console.visit import Endpoint
from keyturn.errors import KeyturnError

_FILES: Final = ((STYLESHEET, "text/css"), (SCRIPT, "text/javascript"))
_API: Final = "/admin/"
_LIVE: Final = "/live/"


def file_routes() -> list[Route]:
    """Return a route for the stylesheet and for the script."""
    return [Route(f"/{name}", _file(name, kind), methods=["GET"]) for name, kind in _FILES]


def _file(name: str, kind: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        del request
        lasting = {"cache-control": "public, max-age=86400"}
        return Response(static(name), media_type=kind, headers=lasting)

    return endpoint


async def on_problem(request: Request, problem: Exception) -> Response:
    """Answer in the caller's language; who is not signed in is led to the sign-in page."""
    error = cast("KeyturnError", problem)
    if request.url.path.startswith(_API):
        return JSONResponse(as_json(error), status_of(error), extra_headers(error))
    if request.url.path.startswith(_LIVE):
        return PlainTextResponse(error.message, status_of(error), extra_headers(error))
    if isinstance(error, NotSignedIn) and request.method in ("GET", "HEAD"):
        return RedirectResponse(sign_in.SIGN_IN, 303)
    page = render("problem_outside", error=error, path=request.url.path)
    return HTMLResponse(page, status_of(error), extra_headers(error))


async def on_http(request: Request, problem: Exception) -> Response:
    """Answer what the framework refuses: an unknown address, a method that is not there."""
    refused = cast("HTTPException", problem)
    error: KeyturnError = NotFound()
    if refused.status_code != 404:
        error = BadRequest(f"{refused.detail}.")
    if request.url.path.startswith(_API):
        return JSONResponse(as_json(error), refused.status_code, refused.headers)
    page = render("problem_outside", error=error, path=request.url.path)
    return HTMLResponse(page, refused.status_code, refused.headers)


HANDLERS: Final[dict[Any, Any]] = {KeyturnError: on_problem, HTTPException: on_http}
"""For ``exception_handlers``."""
