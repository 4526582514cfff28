"""The ASGI application: reads a request, lets one handler answer, writes the response."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from keyturn.errors import KeyturnError
from keyturn.flows.ports.rest import DatabaseAway, DatabaseRefused, RestDatabase
from keyturn.profiles.postgrest import Answer, TokenRefused
from keyturn.standins.rest.database_errors import answer_for
from keyturn.standins.rest.errors import (
    RestError,
    bad_path,
    body_too_large,
    database_away,
    defect,
    unknown_schema,
    unsupported_method,
)
from keyturn.standins.rest.exchange import READS, Request, Response, error_response
from keyturn.standins.rest.functions import answer_function
from keyturn.standins.rest.gatekeeper import Admits, Caller
from keyturn.standins.rest.openapi import answer_root
from keyturn.standins.rest.preferences import NONE, parse_preferences
from keyturn.standins.rest.relations import answer_relation
from keyturn.standins.rest.service import Service, ServiceSettings

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
HEALTH_PATHS: Final = frozenset({"/health/live", "/health/ready"})
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_logger = logging.getLogger("keyturn.rest")


class RestApp:
    """An ASGI application; lifespan events are accepted and mean nothing to it."""

    def __init__(
        self, database: RestDatabase, gatekeeper: Admits, settings: ServiceSettings
    ) -> None:
        """``database`` is started and stopped by whoever made it."""
        self._service = Service(database, settings)
        self._gatekeeper = gatekeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event (ASGI 3)."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            if scope["path"] in HEALTH_PATHS:
                # PostgREST has these on its admin port; the process listens once it is ready.
                await _send(send, Response(200), with_body=False)
                return
            response = await self._answer(scope, receive)
            await _send(send, response, with_body=scope["method"] != "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        caller: Caller | None = None
        try:
            headers = _headers(scope["headers"])
            caller = self._gatekeeper.admit(headers.get("authorization"))
            request = await self._request(scope, receive, headers, caller)
            return await self._dispatch(request)
        except (KeyturnError, RecursionError) as problem:
            authenticated = caller is not None and caller.authenticated
            return error_response(_answer_of(problem, authenticated=authenticated))
        except Exception:
            _logger.exception("request failed", extra={"method": scope["method"]})
            return error_response(defect().answer)

    async def _request(
        self, scope: Scope, receive: Receive, headers: dict[str, str], caller: Caller
    ) -> Request:
        method = scope["method"]
        if method not in METHODS:
            raise unsupported_method(method)
        preferences = NONE
        if "prefer" in headers:
            preferences = parse_preferences([headers["prefer"]])
        return Request(
            method=method,
            path=_path(scope),
            query=scope["query_string"],
            headers=headers,
            body=b"" if method in READS else await _body(receive, headers),
            caller=caller,
            schema=self._schema(method, headers),
            preferences=preferences,
        )

    def _schema(self, method: str, headers: dict[str, str]) -> str:
        exposed = self._service.settings.schemas
        wanted = headers.get("accept-profile" if method in READS else "content-profile")
        if not wanted:
            return exposed[0]
        if wanted not in exposed:
            raise unknown_schema(wanted, exposed)
        return wanted

    async def _dispatch(self, request: Request) -> Response:
        if request.path in ("", "/"):
            return await answer_root(self._service, request)
        parts = request.path[1:].split("/")
        if len(parts) == 1 and parts[0]:
            return await answer_relation(self._service, request, parts[0])
        if len(parts) == 2 and parts[0] == "rpc" and parts[1]:
            return await answer_function(self._service, request, parts[1])
        raise bad_path()


def _answer_of(problem: Exception, *, authenticated: bool) -> Answer:
    if isinstance(problem, RestError | TokenRefused):
        return problem.answer
    if isinstance(problem, DatabaseRefused):
        return answer_for(problem, authenticated=authenticated)
    if isinstance(problem, DatabaseAway):
        return database_away().answer
    _logger.error("request failed", extra={"error": type(problem).__name__})
    return defect().answer


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _path(scope: Scope) -> str:
    """Return the decoded path; what is no UTF-8 is no path of anything."""
    raw = scope.get("raw_path")
    encoded = raw if isinstance(raw, bytes) else scope["path"].encode("utf-8", "surrogateescape")
    try:
        return unquote_to_bytes(encoded).decode("utf-8")
    except UnicodeDecodeError as problem:
        raise bad_path() from problem


async def _body(receive: Receive, headers: dict[str, str]) -> bytes:
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared[:18]) > MAX_BODY_BYTES:
        raise body_too_large(MAX_BODY_BYTES)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise body_too_large(MAX_BODY_BYTES)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _send(send: Send, response: Response, *, with_body: bool) -> None:
    headers = [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in response.headers
    ]
    if response.status != 204:
        headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body if with_body else b""})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
