"""Signing in with a one-time link, and out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from keyturn.console.errors import BadLink
from keyturn.console.guard import client_of
from keyturn.console.services import Reception
from keyturn.console.view import render
from keyturn.console.visit import (
    COOKIE,
    Endpoint,
    Guest,
    actor_of,
    read_form,
    require_own_origin,
    set_cookie,
)

SIGN_IN = "/sign-in"


async def show(request: Request) -> Response:
    """Show the button of a link, or how to get a link. Looking uses nothing up.

    A mail scanner or a prefetching browser may follow a link; only the button signs in.
    """
    link = request.query_params.get("link", "")
    return HTMLResponse(render("sign_in", link=link, path=SIGN_IN))


def enter(services: Reception) -> Endpoint:
    """Return the endpoint that redeems a link for a session of its own and leads to ``/``."""

    async def endpoint(request: Request) -> Response:
        require_own_origin(request)
        client = client_of(request.scope)
        services.limiter.check(client)
        form = await read_form(request)
        try:
            session = services.sessions.open(form.get("link", ""))
        except BadLink:
            services.limiter.failed(client)
            raise
        await services.audit.record_visit(
            "sign_in", at=services.clock(), actor=actor_of(session), visit=session.id
        )
        response = RedirectResponse("/", 303)
        set_cookie(services, session, response)
        return response

    return endpoint


def leave(services: Reception) -> Endpoint:
    """Return the endpoint that ends the session, also for copies of its cookie."""

    async def endpoint(request: Request) -> Response:
        require_own_origin(request)
        session = services.sessions.read(request.cookies.get(COOKIE))
        form = await read_form(request)
        Guest(request, services, session, services.clock(), form).require_csrf()
        services.sessions.close(session)
        await services.audit.record_visit(
            "sign_out", at=services.clock(), actor=actor_of(session), visit=session.id
        )
        response = RedirectResponse(SIGN_IN, 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    return endpoint
