"""``/rpc/{function}``: call a function by name."""

from __future__ import annotations

from dataclasses import replace

from keyturn.flows.ports.rest import Catalogue, Outcome, Statement
from keyturn.standins.rest.body import media_name, read_arguments
from keyturn.standins.rest.errors import rpc_method
from keyturn.standins.rest.exchange import Request, Response
from keyturn.standins.rest.media import negotiate
from keyturn.standins.rest.parse_query import parse_query
from keyturn.standins.rest.relations import common_headers, read_options, read_response
from keyturn.standins.rest.service import Service, acceptance, with_settings
from keyturn.standins.rest.sql_call import Call, call_sql, choose
from keyturn.standins.rest.sql_read import ReadOptions
from keyturn.standins.rest.syntax import Query

ALLOW = "OPTIONS,GET,HEAD,POST"
_WHOLE_BODIES = ("text/plain", "text/xml", "application/octet-stream")


async def answer_function(service: Service, request: Request, name: str) -> Response:
    """Answer a call of the function ``name``; raises a RestError or DatabaseRefused."""
    if request.method == "OPTIONS":
        return Response(200, headers=(("Allow", ALLOW),))
    if not request.reads and request.method != "POST":
        raise rpc_method(request.method)
    shape = negotiate(request.headers.get("accept"))
    query = parse_query(request.query, call=request.reads)
    options = read_options(service, request, shape)
    arrived = _arrived(request, query)

    def plan(catalogue: Catalogue) -> tuple[Call, Statement]:
        call = _chosen(catalogue, request, name, arrived)
        return call, call_sql(catalogue, call, query, options)

    call, statement = await service.plan(plan)
    outcome = await service.run(
        request,
        statement,
        # GET may not write, whatever the function says; POST may when the function is volatile.
        read_only=request.reads or not call.routine.volatile,
        accept=acceptance(request, shape, writes=not request.reads),
    )
    return _response(request, call, query, options, outcome)


def _arrived(request: Request, query: Query) -> tuple[str | None, tuple[str, ...], Query]:
    """Return the body's document, the names of the arguments, and the query."""
    if request.reads:
        names = tuple(dict.fromkeys(name for name, _ in query.arguments))
        return None, names, query
    content_type = request.headers.get("content-type")
    if media_name(content_type) in _WHOLE_BODIES:
        return request.body.decode("utf-8", "replace"), (), query
    document, members = read_arguments(content_type, request.body)
    return document, tuple(members), query


def _chosen(
    catalogue: Catalogue,
    request: Request,
    name: str,
    arrived: tuple[str | None, tuple[str, ...], Query],
) -> Call:
    document, names, query = arrived
    posted = document is not None
    routine, whole = choose(catalogue, request.schema, name, names, posted=posted)
    call = Call(routine, document=document, names=names, whole=whole)
    if posted:
        return call
    given: dict[str, tuple[str, ...]] = {}
    for key, value in query.arguments:
        given[key] = (*given.get(key, ()), value)
    return replace(call, given=given)


def _response(
    request: Request,
    call: Call,
    query: Query,
    options: ReadOptions,
    outcome: Outcome,
) -> Response:
    routine = call.routine
    if routine.returns == "void":
        return with_settings(outcome, Response(204, headers=common_headers(request, "count")))
    if routine.returns_set:
        return read_response(request, query, options, outcome, outcome.total)
    headers = [("Content-Type", options.shape.content_type), *common_headers(request, "count")]
    return with_settings(outcome, Response(200, (outcome.body or "").encode(), headers))
