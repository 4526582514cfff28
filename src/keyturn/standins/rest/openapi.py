"""The schema description at ``/``: OpenAPI 2.0 as PostgREST writes it, for service_role only."""

from __future__ import annotations

import json
from collections.abc import Iterable

from keyturn import __version__
from keyturn.flows.ports.rest import Catalogue, Column, Relation, Routine
from keyturn.standins.rest.errors import root_forbidden, unsupported_method
from keyturn.standins.rest.exchange import Request, Response
from keyturn.standins.rest.media import negotiate_root
from keyturn.standins.rest.service import Service

_TYPES = {
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "real": "number",
    "double precision": "number",
    "numeric": "number",
    "boolean": "boolean",
}
_QUERY_PARAMETERS = ("select", "order", "limit", "offset")


async def answer_root(service: Service, request: Request) -> Response:
    """Answer a request for ``/``; raises a RestError."""
    if request.method == "OPTIONS":
        return Response(200, headers=(("Allow", "OPTIONS,GET,HEAD"),))
    if not request.reads:
        raise unsupported_method(request.method)
    shape = negotiate_root(request.headers.get("accept"))
    if request.caller.role != service.settings.description_role:
        raise root_forbidden(authenticated=request.caller.authenticated)
    catalogue = await service.database.refreshed()
    document = describe(catalogue, request.schema)
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(200, body, (("Content-Type", shape.content_type),))


def describe(catalogue: Catalogue, schema: str) -> dict[str, object]:
    """Return the OpenAPI document of ``schema``."""
    relations = sorted(
        (one for one in catalogue.relations.values() if one.schema == schema),
        key=lambda one: one.name,
    )
    routines = [
        overloads[0] for (of, _), overloads in sorted(catalogue.routines.items()) if of == schema
    ]
    paths: dict[str, object] = {"/": {"get": _operation("Introspection", (), "OpenAPI")}}
    paths.update((f"/{one.name}", _relation_path(one)) for one in relations)
    paths.update((f"/rpc/{one.name}", _routine_path(one)) for one in routines)
    return {
        "swagger": "2.0",
        "info": {
            "title": "Keyturn REST stand-in",
            "description": "A local stand-in that answers like PostgREST.",
            "version": __version__,
        },
        "basePath": "/",
        "schemes": ["http"],
        "consumes": ["application/json", "text/csv"],
        "produces": ["application/json", "text/csv"],
        "paths": paths,
        "definitions": {one.name: _definition(one) for one in relations},
    }


def _operation(tag: str, parameters: Iterable[object], summary: str | None) -> dict[str, object]:
    return {
        "tags": [tag],
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": {"description": "OK"}},
    }


def _relation_path(relation: Relation) -> dict[str, object]:
    filters = [_in_query(name) for name in (*relation.columns, *_QUERY_PARAMETERS)]
    body = [{"name": relation.name, "in": "body", "schema": _reference(relation)}]
    path = {"get": _operation(relation.name, filters, relation.comment)}
    if not relation.is_view:
        path["post"] = _operation(relation.name, body, relation.comment)
        path["patch"] = _operation(relation.name, [*filters, *body], relation.comment)
        path["delete"] = _operation(relation.name, filters, relation.comment)
    return dict(path)


def _routine_path(routine: Routine) -> dict[str, object]:
    properties = {one.name: _property(one.type) for one in routine.parameters if one.name}
    required = [one.name for one in routine.parameters if one.required and one.name]
    schema: dict[str, object] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    body = [{"name": "args", "in": "body", "required": True, "schema": schema}]
    return {"post": _operation(f"(rpc) {routine.name}", body, routine.comment)}


def _in_query(name: str) -> dict[str, object]:
    return {"name": name, "in": "query", "required": False, "type": "string"}


def _reference(relation: Relation) -> dict[str, object]:
    return {"$ref": f"#/definitions/{relation.name}"}


def _definition(relation: Relation) -> dict[str, object]:
    required = [
        one.name for one in relation.columns.values() if not one.nullable and one.default is None
    ]
    definition: dict[str, object] = {
        "type": "object",
        "properties": {
            name: _column(column, primary=name in relation.primary_key)
            for name, column in relation.columns.items()
        },
    }
    if required:
        definition["required"] = required
    return definition


def _column(column: Column, *, primary: bool) -> dict[str, object]:
    described = _property(column.type)
    if primary:
        described["description"] = "Note:\nThis is a Primary Key.<pk/>"
    return described


def _property(kind: str) -> dict[str, object]:
    if kind.endswith("[]"):
        return {"type": "array", "format": kind, "items": _property(kind[:-2])}
    if kind in ("json", "jsonb"):
        return {"format": kind}
    return {"type": _TYPES.get(kind, "string"), "format": kind}
