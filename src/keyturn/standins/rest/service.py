"""What handlers share: the database, the settings, and a second look at the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import unquote

import msgspec

from keyturn.flows.ports.rest import (
    Catalogue,
    Outcome,
    RequestContext,
    RestDatabase,
    Statement,
)
from keyturn.standins.rest.errors import (
    RestError,
    not_singular,
    response_headers_problem,
    response_status_problem,
    too_many_affected,
)
from keyturn.standins.rest.exchange import Request, Response
from keyturn.standins.rest.media import Format
from keyturn.standins.rest.remembered import Remembered
from keyturn.standins.rest.sql_read import ReadOptions
from keyturn.standins.rest.syntax import Query

DEFAULT_MAX_ROWS: Final = 1000
"""``PGRST_DB_MAX_ROWS`` of self-hosted Supabase."""
Planned = TypeVar("Planned")
Accept = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the stand-in exposes."""

    schemas: tuple[str, ...] = ("public",)
    max_rows: int | None = DEFAULT_MAX_ROWS
    anonymous_role: str = "anon"
    description_role: str = "service_role"
    """The one role that may read the OpenAPI root."""


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """A read, parsed and resolved."""

    query: Query
    options: ReadOptions
    statement: Statement


@dataclass(frozen=True, slots=True)
class Service:
    """One stand-in at work."""

    database: RestDatabase
    settings: ServiceSettings
    reads: Remembered[ReadPlan] = field(default_factory=Remembered)

    async def plan(self, make: Callable[[Catalogue], Planned]) -> Planned:
        """Return ``make(catalogue)``; what the catalogue lacks is looked up once more.

        Raises what ``make`` raises when a fresh catalogue does not help either.
        """
        known = self.database.catalogue()
        try:
            return make(known)
        except RestError as problem:
            if not problem.stale:
                raise
            fresh = await self.database.refreshed()
            if fresh is known:
                raise
            return make(fresh)

    async def run(
        self, request: Request, statement: Statement, *, read_only: bool, accept: Accept | None
    ) -> Outcome:
        """Run ``statement`` for the caller of ``request``."""
        context = request_context(request, read_only=read_only)
        return await self.database.run(context, statement, accept)


def request_context(request: Request, *, read_only: bool) -> RequestContext:
    """Return what SQL may know of ``request``."""
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    return RequestContext(
        role=request.caller.role,
        claims=request.caller.claims,
        method=request.method,
        path=request.path,
        headers=msgspec.json.encode(headers).decode(),
        cookies=_cookies(request.headers.get("cookie")),
        schema=request.schema,
        read_only=read_only,
    )


def _cookies(header: str | None) -> str:
    if header is None:
        return "{}"
    pairs = (piece.partition("=") for piece in header.split(";") if "=" in piece)
    found = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    return msgspec.json.encode(found).decode()


def acceptance(request: Request, shape: Format, *, writes: bool) -> Accept | None:
    """Return the check of an outcome that must hold before the commit, None for none."""
    limit = request.preferences.max_affected if writes and request.preferences.strict else None
    if shape.shape != "object" and limit is None:
        return None

    def accept(outcome: Outcome) -> None:
        if limit is not None and outcome.page > limit:
            raise too_many_affected(outcome.page)
        if shape.shape == "object" and outcome.page != 1:
            raise not_singular(outcome.page)

    return accept


def with_settings(outcome: Outcome, response: Response) -> Response:
    """Apply what SQL chose as status and headers (``response.status``, ``response.headers``).

    Like PostgREST, a value that cannot be read is PGRST111 or PGRST112.
    """
    status, headers = response.status, list(response.headers)
    if outcome.headers is not None:
        chosen = _chosen_headers(outcome.headers)
        replaced = {name.lower() for name, _ in chosen}
        headers = [one for one in headers if one[0].lower() not in replaced] + chosen
    if outcome.status is not None:
        status = _chosen_status(outcome.status)
    return Response(status, response.body, headers)


def _chosen_headers(text: str) -> list[tuple[str, str]]:
    try:
        pairs = [next(iter(one.items())) for one in json.loads(text) if len(one) == 1]
        if all(_sendable(name, value) for name, value in pairs):
            return pairs
    except (ValueError, AttributeError, TypeError):
        pass
    raise response_headers_problem()


def _sendable(name: object, value: object) -> bool:
    text = f"{name}{value}"
    return isinstance(name, str) and isinstance(value, str) and text.isprintable() and bool(name)


def _chosen_status(text: str) -> int:
    if text.isascii() and text.isdigit() and 200 <= int(text[:4]) <= 599:
        return int(text)
    raise response_status_problem()
