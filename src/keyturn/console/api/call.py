"""One call of the admin API: who calls, what was sent, and errors as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keyturn.apikeys.opaque import MalformedApiKey, digest, parse
from keyturn.console.errors import BadRequest, ForgedRequest, NotFound, NotSignedIn, ReadOnly
from keyturn.console.guard import client_of
from keyturn.console.problems import as_json, extra_headers, status_of
from keyturn.console.services import Reception, Services
from keyturn.console.visit import (
    COOKIE,
    S,
    actor_of,
    read_reason,
    require_own_origin,
    require_storable,
)
from keyturn.errors import KeyturnError
from keyturn.jose import strict_json
from keyturn.keyring.change import Intent

PROJECT: Final = "self-hosted"
CSRF_HEADER: Final = "x-csrf-token"
_SAFE: Final = frozenset({"GET", "HEAD"})
_BEARER: Final = "bearer "


@dataclass(frozen=True)
class CallOf(Generic[S]):
    """A request whose caller may do what it asks."""

    services: S
    actor: str
    now: datetime
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def intent(self, reason: str | None = None) -> Intent:
        """Return who changes something, and why: ``reason``, else the query's."""
        given = self.query if reason is None else {"reason": reason}
        return Intent(self.now, self.actor, read_reason(given))

    def flag(self, name: str) -> bool:
        """Return whether the query says ``name=true``; raises :class:`BadRequest`."""
        given = self.query.get(name, "false")
        if given not in ("true", "false"):
            raise BadRequest(f"{name} is true or false.")
        return given == "true"


OperationOf = Callable[[CallOf[S]], Awaitable[object]]
Call = CallOf[Services]
"""A call of the API of a ring."""

Operation = OperationOf[Services]


def endpoint(
    services: S, operation: OperationOf[S], *, status: int
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of ``operation``, which answers ``status`` when it is done."""

    async def serve(request: Request) -> Response:
        try:
            actor = await _caller(services, request)
            require_storable(request)
            if request.path_params["ref"] != PROJECT:
                raise NotFound(f"The only project here is {PROJECT!r}.")
            body = {} if request.method in _SAFE else await _body(request)
            call = CallOf(
                services,
                actor,
                services.clock(),
                request.path_params,
                request.query_params,
                body,
            )
            answer = await operation(call)
            return answer if isinstance(answer, Response) else JSONResponse(answer, status)
        except KeyturnError as error:
            return JSONResponse(as_json(error), status_of(error), extra_headers(error))

    return serve


async def _caller(services: Reception, request: Request) -> str:
    """Return the actor's name; raises :class:`NotSignedIn` and what a session may not do."""
    key = _given_key(request)
    if key is not None:
        return await _by_key(services, request, key)
    session = services.sessions.read(request.cookies.get(COOKIE))
    if request.method not in _SAFE:
        require_own_origin(request)
        if not services.sessions.csrf_fits(session, request.headers.get(CSRF_HEADER, "")):
            raise ForgedRequest
        if not session.may_change:
            raise ReadOnly
    return actor_of(session)


def _given_key(request: Request) -> str | None:
    authorization = request.headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    return request.headers.get("apikey")


async def _by_key(services: Reception, request: Request, text: str) -> str:
    client = client_of(request.scope)
    services.limiter.check(client)
    try:
        fits = parse(text) == "secret"
    except MalformedApiKey:
        fits = False
    hashed = digest(text)
    for record in await services.api_keys.list() if fits else ():
        if record.hash == hashed and record.active:
            await services.api_keys.touch({record.id: services.clock()})
            return f"secret key {record.name} (admin API)"
    services.limiter.failed(client)
    raise NotSignedIn(
        "This is no active secret key.",
        hint="Send a sb_secret_… key as apikey or as bearer token.",
    )


async def _body(request: Request) -> Mapping[str, Any]:
    content = await request.body()
    if not content:
        return {}
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise BadRequest("The body must be application/json.")
    try:
        found = strict_json.loads(content)
    except (ValueError, KeyturnError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(found, dict):
        raise BadRequest("The body must be a JSON object.")
    return found


def only(body: Mapping[str, Any], *names: str) -> None:
    """Raise :class:`BadRequest` when ``body`` has other members: nothing is ignored silently."""
    other = sorted(set(body) - set(names))
    if other:
        raise BadRequest(f"Not known here: {json.dumps(other[:5])}.")


def text(body: Mapping[str, Any], name: str, *, among: tuple[str, ...] = ()) -> str:
    """Return a required text member; raises :class:`BadRequest`."""
    value = body.get(name)
    if not isinstance(value, str) or (among and value not in among):
        wanted = f"one of {', '.join(among)}" if among else "a text"
        raise BadRequest(f'"{name}" must be {wanted}.')
    return value
