"""The ASGI application of a deployment's console, behind the same wall as the ring's."""

from __future__ import annotations

from typing import Final, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    Response,
)
from starlette.routing import Route

from keyturn.console.answers import HANDLERS, file_routes, on_problem
from keyturn.console.api.call import endpoint
from keyturn.console.api.document import PATH, document
from keyturn.console.api.operations import PREFIX
from keyturn.console.deployment import page_doctor, page_migrate, page_overview
from keyturn.console.deployment.api import OPERATIONS
from keyturn.console.deployment.schemas import SCHEMAS
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.console.errors import BadLink, NotSignedIn, ReadOnly
from keyturn.console.guard import App, guarded
from keyturn.console.live import FragmentOf, live
from keyturn.console.pages import sign_in
from keyturn.console.view import render
from keyturn.console.visit import HandlerOf, acting, signed_in
from keyturn.errors import KeyturnError

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
    ("/doctor/fix", page_doctor.plan_fixes),
)


def deployment_app(services: DeploymentServices, host: str = "127.0.0.1") -> App:
    """Return the application; ``host`` is the loopback address at which it is reached."""
    routes = [
        *file_routes(),
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
    handlers = {**HANDLERS, KeyturnError: _on_problem}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return guarded(cast("App", app), host)


async def _sign_in(request: Request) -> Response:
    """Show the button of a link, or how to get a link; looking uses nothing up."""
    link = request.query_params.get("link", "")
    return HTMLResponse(render("deployment_sign_in", link=link, path=sign_in.SIGN_IN))


async def _document(request: Request) -> Response:
    del request
    return JSONResponse(document(OPERATIONS, SCHEMAS, _DESCRIPTION))


async def _on_problem(request: Request, problem: Exception) -> Response:
    if isinstance(problem, NotSignedIn | BadLink | ReadOnly):
        # The classes speak of `keyturn up`, whose links are printed by another command.
        problem.hint = _NEW_LINK
    return await on_problem(request, problem)
