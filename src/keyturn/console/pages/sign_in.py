"""Signing in with a one-time link or the password, and out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from keyturn.console.errors import BadLink, BadPassword
from keyturn.console.guard import client_of
from keyturn.console.password import ACTOR, EVERYBODY
from keyturn.console.problems import status_of
from keyturn.console.services import Reception
from keyturn.console.sessions import Session
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
_NOBODY = "not signed in (console)"


def look(services: Reception) -> Endpoint:
    """Return the page with the button of a link, the password's field, or how to get a link.

    Looking uses nothing up: a mail scanner or a prefetching browser may follow a link.
    """

    async def endpoint(request: Request) -> Response:
        return _page(services, link=request.query_params.get("link", ""))

    return endpoint


def enter(services: Reception) -> Endpoint:
    """Return the endpoint that takes a link or the password, opens a session and leads to ``/``."""

    async def endpoint(request: Request) -> Response:
        require_own_origin(request)
        client = client_of(request.scope)
        services.limiter.check(client)
        form = await read_form(request)
        try:
            if "password" in form:
                session = await _by_password(services, client, form["password"])
            else:
                session = services.sessions.open(form.get("link", ""))
        except BadLink:
            services.limiter.failed(client)
            raise
        except BadPassword as error:
            return _page(services, error=error)
        await services.audit.record_visit(
            "sign_in", at=services.clock(), actor=actor_of(session), visit=session.id
        )
        response = RedirectResponse("/", 303)
        set_cookie(services, session, request, response)
        return response

    return endpoint


async def _by_password(services: Reception, client: str, given: str) -> Session:
    """Judge one attempt at a time; a guesser is bound per client and over all clients."""
    if services.password is None or not services.password.is_set():
        raise BadPassword("No password is set.")
    async with services.password.turn:
        for name in (client, EVERYBODY):
            services.limiter.check(name)
        if not await services.password.fits(given):
            for name in (client, EVERYBODY):
                services.limiter.failed(name)
            # The limiter bounds how many lines there can be; none is ever removed again.
            await services.audit.record_visit(
                "sign_in_failed", at=services.clock(), actor=_NOBODY, visit=client[:64]
            )
            raise BadPassword
    return services.sessions.begin(ACTOR)


def _page(services: Reception, *, link: str = "", error: BadPassword | None = None) -> Response:
    known = services.password is not None and services.password.is_set()
    page = render("sign_in", link=link, error=error, has_password=known, path=SIGN_IN)
    return HTMLResponse(page, 200 if error is None else status_of(error))


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
