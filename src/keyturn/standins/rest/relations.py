"""``/{table}``: read, insert, upsert, update, delete."""

from __future__ import annotations

import json
from urllib.parse import quote

from keyturn.flows.ports.rest import Catalogue, Outcome, Relation, Statement
from keyturn.standins.rest.body import Payload, read_rows
from keyturn.standins.rest.errors import (
    needs_where,
    put_filters,
    put_limits,
    put_mismatch,
    unknown_relation,
    unsupported_method,
)
from keyturn.standins.rest.exchange import Request, Response
from keyturn.standins.rest.media import Format, negotiate
from keyturn.standins.rest.parse_query import parse_query
from keyturn.standins.rest.ranges import content_range, header_span, read_status
from keyturn.standins.rest.remembered import LONGEST_QUERY
from keyturn.standins.rest.service import (
    ReadPlan,
    Service,
    acceptance,
    request_context,
    with_settings,
)
from keyturn.standins.rest.sql_read import ReadOptions, estimate_sql, read_sql, shown
from keyturn.standins.rest.sql_write import WriteOptions, delete_sql, insert_sql, update_sql
from keyturn.standins.rest.syntax import ALL_ROWS, Condition, Query

ALLOW = "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"


async def answer_relation(service: Service, request: Request, name: str) -> Response:
    """Answer a request for the relation ``name``; raises a RestError or DatabaseRefused."""
    if request.reads:
        return await _read(service, request, name)
    if request.method == "POST":
        return await _insert(service, request, name)
    if request.method == "PUT":
        return await _put(service, request, name)
    if request.method in ("PATCH", "DELETE"):
        return await _change(service, request, name)
    if request.method == "OPTIONS":
        await service.plan(lambda catalogue: relation_of(catalogue, request.schema, name))
        return Response(200, headers=(("Allow", ALLOW),))
    raise unsupported_method(request.method)


def relation_of(catalogue: Catalogue, schema: str, name: str) -> Relation:
    """Return the relation or raise PGRST205."""
    found = catalogue.relations.get((schema, name))
    if found is None:
        raise unknown_relation(catalogue, schema, name)
    return found


async def _read(service: Service, request: Request, name: str) -> Response:
    plan = await _read_plan(service, request, name)
    outcome = await service.run(
        request,
        plan.statement,
        read_only=True,
        accept=acceptance(request, plan.options.shape, writes=False),
    )
    total = await _total(service, request, name, plan.query, outcome)
    return read_response(request, plan.query, plan.options, outcome, total)


async def _read_plan(service: Service, request: Request, name: str) -> ReadPlan:
    """Return the plan of a read, from memory when the same was asked before."""
    catalogue = service.database.catalogue()
    asked = (request.headers.get("accept"), request.headers.get("range"))
    key = (name, request.query, request.method, request.schema, asked, request.preferences["count"])
    known = service.reads.find(catalogue, key)
    if known is not None:
        return known
    query = parse_query(request.query)
    options = read_options(service, request, negotiate(request.headers.get("accept")))
    statement = await service.plan(
        lambda catalogue: read_sql(
            catalogue, relation_of(catalogue, request.schema, name), query, options
        )
    )
    plan = ReadPlan(query, options, statement)
    if len(request.query) <= LONGEST_QUERY:
        service.reads.keep(catalogue, key, plan)
    return plan


def read_options(service: Service, request: Request, shape: Format) -> ReadOptions:
    """Return how a read answers ``request``."""
    span = header_span(request.headers.get("range")) if request.method == "GET" else ALL_ROWS
    counted = request.preferences["count"] in ("exact", "estimated")
    return ReadOptions(shape, span, counted, request.method == "HEAD", service.settings.max_rows)


async def _total(
    service: Service, request: Request, name: str, query: Query, outcome: Outcome
) -> int | None:
    """Return the count that was asked for; an estimate is exact up to ``max_rows``."""
    wanted = request.preferences["count"]
    most = service.settings.max_rows
    if wanted not in ("planned", "estimated"):
        return outcome.total
    if wanted == "estimated" and (most is None or (outcome.total or 0) <= most):
        return outcome.total
    estimate = await service.plan(
        lambda catalogue: estimate_sql(
            catalogue, relation_of(catalogue, request.schema, name), query
        )
    )
    planned = await service.database.planned_rows(
        request_context(request, read_only=True), estimate
    )
    return max(planned, outcome.total or 0) if wanted == "estimated" else planned


def read_response(
    request: Request,
    query: Query,
    options: ReadOptions,
    outcome: Outcome,
    total: int | None,
) -> Response:
    """Return the answer to a read, with its Content-Range."""
    offset = shown(query, options).offset
    status = read_status(offset, outcome.page, total)
    headers = [
        ("Content-Type", options.shape.content_type),
        ("Content-Range", content_range(offset, outcome.page, total)),
        *common_headers(request, "count"),
    ]
    return with_settings(outcome, Response(status, (outcome.body or "").encode(), headers))


def common_headers(request: Request, *preferences: str) -> list[tuple[str, str]]:
    """Return the headers that tell which schema and preferences were applied."""
    headers = []
    if "accept-profile" in request.headers or "content-profile" in request.headers:
        headers.append(("Content-Profile", request.schema))
    applied = request.preferences.applied(*preferences)
    if applied:
        headers.append(("Preference-Applied", applied))
    return headers


async def _insert(service: Service, request: Request, name: str) -> Response:
    shape, query, payload = _write_request(request)
    options = _write_options(request, shape)
    statement = await service.plan(
        lambda catalogue: insert_sql(
            catalogue, relation_of(catalogue, request.schema, name), query, payload, options
        )
    )
    outcome = await _write(service, request, shape, statement)
    headers = common_headers(request, "missing", "return", "resolution", "count")
    if options.returning == "headers-only" and outcome.body and outcome.page == 1:
        headers.append(("Location", _location(name, outcome.body)))
    return _written(request, shape, outcome, headers, 201)


async def _put(service: Service, request: Request, name: str) -> Response:
    shape, query, payload = _write_request(request)
    if query.root.span != ALL_ROWS:
        raise put_limits()
    options = WriteOptions(shape, request.preferences["return"], "merge-duplicates")

    def plan(catalogue: Catalogue) -> Statement:
        relation = relation_of(catalogue, request.schema, name)
        _check_put(relation, query, payload)
        return insert_sql(catalogue, relation, query, payload, options)

    outcome = await _write(service, request, shape, await service.plan(plan))
    return _written(request, shape, outcome, common_headers(request, "return"), 204)


def _check_put(relation: Relation, query: Query, payload: Payload) -> None:
    given: dict[str, str] = {}
    for one in query.root.conditions:
        plain = isinstance(one, Condition) and one.operator == "eq" and not one.negated
        if not plain or not isinstance(one, Condition) or one.quantifier or one.field.steps:
            raise put_filters()
        given[one.field.name] = str(one.value)
    if not given or set(given) != set(relation.primary_key):
        raise put_filters()
    same = all(_as_text(payload.first.get(key)) == value for key, value in given.items())
    if payload.rows != 1 or not same:
        raise put_mismatch()


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def _change(service: Service, request: Request, name: str) -> Response:
    """Update or delete the rows that the filters select."""
    shape = negotiate(request.headers.get("accept"))
    query = parse_query(request.query)
    updates = request.method == "PATCH"
    payload = None
    if updates:
        payload = read_rows(request.headers.get("content-type"), request.body, query.columns)
    if not query.root.conditions:
        raise needs_where("UPDATE" if updates else "DELETE")
    options = _write_options(request, shape)

    def plan(catalogue: Catalogue) -> Statement:
        relation = relation_of(catalogue, request.schema, name)
        if payload is None:
            return delete_sql(catalogue, relation, query, options)
        return update_sql(catalogue, relation, query, payload, options)

    outcome = await _write(service, request, shape, await service.plan(plan))
    headers = common_headers(request, "missing", "return", "count")
    return _written(request, shape, outcome, headers, 204)


def _write_request(request: Request) -> tuple[Format, Query, Payload]:
    shape = negotiate(request.headers.get("accept"))
    query = parse_query(request.query)
    content_type = request.headers.get("content-type")
    return shape, query, read_rows(content_type, request.body, query.columns)


def _write_options(request: Request, shape: Format) -> WriteOptions:
    preferences = request.preferences
    returning = preferences["return"]
    if shape.shape != "array" and not returning and request.method != "POST":
        returning = "minimal"
    return WriteOptions(
        shape,
        returning or "minimal",
        preferences["resolution"],
        preferences["missing"] == "default",
    )


async def _write(
    service: Service, request: Request, shape: Format, statement: Statement
) -> Outcome:
    accept = acceptance(request, shape, writes=True)
    return await service.run(request, statement, read_only=False, accept=accept)


def _written(
    request: Request,
    shape: Format,
    outcome: Outcome,
    headers: list[tuple[str, str]],
    status: int,
) -> Response:
    """Return the answer to a write: rows when they were asked for, else only headers."""
    total = outcome.page if request.preferences["count"] == "exact" else None
    offset_range = content_range(
        0, 0 if request.method in ("POST", "DELETE") else outcome.page, total
    )
    headers.append(("Content-Range", offset_range))
    if request.preferences["return"] != "representation":
        return with_settings(outcome, Response(status, headers=headers))
    headers.append(("Content-Type", shape.content_type))
    shown_status = 201 if status == 201 else 200
    body = (outcome.body or "").encode()
    return with_settings(outcome, Response(shown_status, body, headers))


def _location(name: str, key_document: str) -> str:
    key: dict[str, object] = json.loads(key_document)
    pairs = (f"{quote(column)}=eq.{quote(_as_text(value))}" for column, value in key.items())
    return f"/{quote(name)}?{'&'.join(pairs)}"
