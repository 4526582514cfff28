"""The ASGI application of a deployment's console, behind the same wall as the ring's."""

from __future__ import annotations

from typing import Any, Final, cast

from starlette.applications import Starlette
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

from keyturn.console.api.call import endpoint
from keyturn.console.api.document import PATH, document
from keyturn.console.api.operations import PREFIX
from keyturn.console.app import STATIC
from keyturn.console.deployment import page_doctor, page_migrate, page_overview
from keyturn.console.deployment.api import OPERATIONS
from keyturn.console.deployment.schemas import SCHEMAS
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.console.errors import BadLink, BadRequest, NotFound, NotSignedIn, ReadOnly
from keyturn.console.guard import App, guarded
from keyturn.console.live import FragmentOf, live
from keyturn.console.pages import sign_in
from keyturn.console.problems import as_json, extra_headers, status_of
from keyturn.console.view import render, static
from keyturn.console.visit import HandlerOf, acting, signed_in
from keyturn.errors import KeyturnError

_API: Final = "/admin/"
_LIVE: Final = "/live/"
_NEW_LINK: Final = "`keyturn console DIR --link` prints a new sign-in link."
_DESCRIPTION: Final = (
    "The migration, rotation and diagnosis of one deployment folder: the same plans, journal and "
    "findings as `keyturn migrate`, `rotate`, `rehearse` and `doctor`. Callers bring the console's "
    "session; requests that change something also need x-csrf-token."
)

PAGES: Final[tuple[tuple[str, HandlerOf[DeploymentServices]], ...]] = (
    ("/", page_overview.show),
    ("/migrate", page_migrate.show),
    ("/migrate/plans/{id}", page_migrate.show_plan),
    ("/migrate/run", page_migrate.show_run),
    ("/migrate/undo", page_migrate.ask_undo),
    ("/migrate/rollback", page_migrate.ask_rollback),
    ("/migrate/rehearsal", page_migrate.show_rehearsal),
    ("/doctor", page_doctor.show),
    ("/doctor/follow", page_doctor.ask_follow),
    ("/doctor/cells/{service}/{credential}", page_doctor.show_cell),
)

LIVE: Final[tuple[tuple[str, FragmentOf[DeploymentServices]], ...]] = (
    ("/live/overview", page_overview.fragment),
    ("/live/run", page_migrate.run_fragment),
    ("/live/rehearsal", page_migrate.rehearsal_fragment),
    ("/live/questions", page_doctor.questions_fragment),
)

ACTIONS: Final[tuple[tuple[str, HandlerOf[DeploymentServices]], ...]] = (
    ("/migrate/plan", page_migrate.plan_phase),
    ("/migrate/rotation", page_migrate.plan_turn),
    ("/migrate/plans/{id}", page_migrate.carry_out),
    ("/migrate/resume", page_migrate.go_on),
    ("/migrate/undo", page_migrate.undo),
    ("/migrate/rollback", page_migrate.rollback),
    ("/migrate/stop", page_migrate.stop),
    ("/migrate/rehearsal", page_migrate.rehearse),
    ("/doctor/probe", page_doctor.probe),
)


def deployment_app(services: DeploymentServices, host: str = "127.0.0.1") -> App:
    """Return the application; ``host`` is the loopback address at which it is reached."""
    routes = [
        *(Route(f"/{name}", _file(name, kind), methods=["GET"]) for name, kind in STATIC),
        Route(sign_in.SIGN_IN, _sign_in, methods=["GET"]),
        Route(sign_in.SIGN_IN, sign_in.enter(services), methods=["POST"]),
        Route("/sign-out", sign_in.leave(services), methods=["POST"]),
        *(Route(path, signed_in(services, page), methods=["GET"]) for path, page in PAGES),
        *(Route(path, live(services, part), methods=["GET"]) for path, part in LIVE),
        *(Route(path, acting(services, action), methods=["POST"]) for path, action in ACTIONS),
        # Following a token changes nothing, so a session that may only look may do it as well.
        Route(
            "/doctor/follow", acting(services, page_doctor.follow, changes=False), methods=["POST"]
        ),
        *(
            Route(
                PREFIX + row.path,
                endpoint(services, row.run, status=row.status),
                methods=[row.method],
            )
            for row in OPERATIONS
        ),
        Route(PATH, _document, methods=["GET"]),
    ]
    handlers: dict[Any, Any] = {KeyturnError: _on_problem, HTTPException: _on_http}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return guarded(cast("App", app), host)


def _file(name: str, kind: str) -> Any:
    async def serve(request: Request) -> Response:
        del request
        lasting = {"cache-control": "public, max-age=86400"}
        return Response(static(name), media_type=kind, headers=lasting)

    return serve


async def _sign_in(request: Request) -> Response:
    """Show the button of a link, or how to get a link; looking uses nothing up."""
    link = request.query_params.get("link", "")
    return HTMLResponse(render("deployment_sign_in", link=link, path=sign_in.SIGN_IN))


async def _document(request: Request) -> Response:
    del request
    return JSONResponse(document(OPERATIONS, SCHEMAS, _DESCRIPTION))


async def _on_problem(request: Request, problem: Exception) -> Response:
    error = cast("KeyturnError", problem)
    if isinstance(error, NotSignedIn | BadLink | ReadOnly):
        # The classes speak of `keyturn up`, whose links are printed by another command.
        error.hint = _NEW_LINK
    if request.url.path.startswith(_API):
        return JSONResponse(as_json(error), status_of(error), extra_headers(error))
    if request.url.path.startswith(_LIVE):
        return PlainTextResponse(error.message, status_of(error), extra_headers(error))
    if isinstance(error, NotSignedIn) and request.method in ("GET", "HEAD"):
        return RedirectResponse(sign_in.SIGN_IN, 303)
    page = render("problem_outside", error=error, path=request.url.path)
    return HTMLResponse(page, status_of(error), extra_headers(error))


async def _on_http(request: Request, problem: Exception) -> Response:
    refused = cast("HTTPException", problem)
    error: KeyturnError = NotFound()
    if refused.status_code != 404:
        error = BadRequest(f"{refused.detail}.")
    if request.url.path.startswith(_API):
        return JSONResponse(as_json(error), refused.status_code, refused.headers)
    page = render("problem_outside", error=error, path=request.url.path)
    return HTMLResponse(page, refused.status_code, refused.headers)
