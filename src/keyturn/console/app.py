"""The console's ASGI application: every address in one table, behind the wall of ``guard``."""

from __future__ import annotations

from typing import Final, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    Response,
)
from starlette.routing import Route

from keyturn.console.answers import HANDLERS, file_routes
from keyturn.console.api.call import endpoint
from keyturn.console.api.document import PATH, document
from keyturn.console.api.operations import OPERATIONS, PREFIX, SIGNING_KEY
from keyturn.console.api.schemas import SCHEMAS
from keyturn.console.guard import App, guarded
from keyturn.console.live import Fragment, live
from keyturn.console.origin import Origin
from keyturn.console.pages import (
    api_keys,
    audit_log,
    inbox,
    jwks,
    overview,
    sign_in,
    signing_keys,
    users,
)
from keyturn.console.services import Services
from keyturn.console.visit import Handler, acting, signed_in

# What is looked at (GET). A fixed path stands before the one whose last part is a name.
PAGES: Final[tuple[tuple[str, Handler], ...]] = (
    ("/", overview.show),
    ("/signing-keys", signing_keys.show),
    ("/signing-keys/new", signing_keys.ask_create),
    ("/signing-keys/rotate", signing_keys.ask_rotate),
    ("/signing-keys/{kid:path}/revoke", signing_keys.ask_revoke),
    ("/signing-keys/{kid:path}/delete", signing_keys.ask_delete),
    ("/signing-keys/{kid:path}", signing_keys.show_one),
    ("/api-keys", api_keys.show),
    ("/api-keys/new", api_keys.ask_create),
    ("/api-keys/legacy/off", api_keys.ask_end_legacy),
    ("/api-keys/{id}/change", api_keys.ask_change),
    ("/api-keys/{id}/revoke", api_keys.ask_revoke),
    ("/jwks", jwks.show),
    ("/users", users.show),
    ("/users/{user_id}", users.show_one),
    ("/users/{user_id}/sign-out", users.ask_sign_out),
    ("/users/{user_id}/ban", users.ask_ban),
    ("/users/{user_id}/sessions/{session_id}/end", users.ask_end),
    ("/inbox", inbox.show),
    ("/audit-log", audit_log.show),
    ("/audit-log.csv", audit_log.export_csv),
    ("/audit-log.json", audit_log.export_json),
)

# Parts of pages that are sent again when they change (GET, server-sent events).
LIVE: Final[tuple[tuple[str, Fragment], ...]] = (
    ("/live/overview", overview.fragment),
    ("/live/signing-keys", signing_keys.fragment),
    ("/live/rotate", signing_keys.rotate_fragment),
    ("/live/inbox", inbox.fragment),
    ("/live/jwks", jwks.fragment),
)

# What changes something (POST).
ACTIONS: Final[tuple[tuple[str, Handler], ...]] = (
    ("/verifiers/ask", overview.ask),
    ("/signing-keys/new", signing_keys.create),
    ("/signing-keys/rotate", signing_keys.rotate),
    ("/signing-keys/{kid:path}/revoke", signing_keys.revoke),
    ("/signing-keys/{kid:path}/delete", signing_keys.delete),
    ("/api-keys/new", api_keys.create),
    ("/api-keys/legacy/off", api_keys.end_legacy),
    ("/api-keys/{id}/change", api_keys.change),
    ("/api-keys/{id}/revoke", api_keys.revoke),
    ("/users/{user_id}/sign-out", users.sign_out),
    ("/users/{user_id}/ban", users.ban),
    ("/users/{user_id}/sessions/{session_id}/end", users.end),
)


def console_app(
    services: Services, host: str = "127.0.0.1", *, public: Origin | None = None, hops: int = 0
) -> App:
    """Return the application; ``host`` is the name or address at which this machine is reached.

    ``public`` and ``hops`` are those of :func:`keyturn.console.guard.guarded`.
    """
    routes = [
        *file_routes(),
        Route(sign_in.SIGN_IN, sign_in.look(services), methods=["GET"]),
        Route(sign_in.SIGN_IN, sign_in.enter(services), methods=["POST"]),
        Route("/sign-out", sign_in.leave(services), methods=["POST"]),
        *(Route(path, signed_in(services, page), methods=["GET"]) for path, page in PAGES),
        *(Route(path, live(services, part), methods=["GET"]) for path, part in LIVE),
        *(Route(path, acting(services, action), methods=["POST"]) for path, action in ACTIONS),
        *(
            Route(
                PREFIX + row.path.replace(SIGNING_KEY, f"{SIGNING_KEY[:-1]}:path}}"),
                endpoint(services, row.run, status=row.status),
                methods=[row.method],
            )
            for row in OPERATIONS
        ),
        Route(PATH, _document, methods=["GET"]),
        Route("/inbox.json", inbox.moved, methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False
    return guarded(cast("App", app), host, public, hops)


async def _document(request: Request) -> Response:
    del request
    return JSONResponse(document(OPERATIONS, SCHEMAS))
