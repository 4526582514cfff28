"""The OpenAPI 3.1 document of the admin API, made from the table of operations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from keyturn import __version__
from keyturn.console.api.call import CSRF_HEADER, PROJECT
from keyturn.console.api.operations import PREFIX, RowOf
from keyturn.console.visit import COOKIE

PATH: Final = "/admin/api/openapi.json"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_FLAG: Final = {"type": "boolean", "default": False}
# What a parameter of the query means, wherever it stands; others are plain text.
_QUERY: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "reason": ("Why; it is kept in the audit log", {"type": "string", "maxLength": 1000}),
    "reveal": (
        "No effect: only hashes are kept, so api_key is null; keyturn-not-revealed says so",
        _FLAG,
    ),
    "dry_run": ("Decide, refuse, and change nothing", _FLAG),
    "revoked": ("Those that were revoked as well", _FLAG),
    "public": ("From the address that clients elsewhere use, through a CDN if any", _FLAG),
    "was_compromised": ("The audit log says so", _FLAG),
    "since": ("From this day (UTC) or time on", {"type": "string", "examples": ["2026-11-26"]}),
    "until": ("To the end of this day, or before this time", {"type": "string"}),
    "before": ("Only lines older than this one", {"type": "integer", "minimum": 0}),
    "limit": ("How many lines", {"type": "integer", "minimum": 1, "maximum": 10_000}),
    "page": ("From 1", {"type": "integer", "minimum": 1, "maximum": 999_999}),
    "q": ("Part of an e-mail address or name, or a whole ID", {"type": "string", "maxLength": 200}),
}
_DESCRIPTION: Final = (
    "Signing keys and API keys in the shapes of Supabase's Management API; the project is "
    f'always "{PROJECT}". A client of that API takes the address before /v1 as its base. '
    f"With a console session, requests that change something also need {CSRF_HEADER}."
)


def document(
    rows: Sequence[RowOf[Any]], schemas: Mapping[str, Any], description: str = _DESCRIPTION
) -> dict[str, Any]:
    """Return the document of ``rows``; it holds nothing of this installation."""
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(PREFIX + row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Keyturn admin API",
            "version": __version__,
            "description": description,
        },
        "security": [{"secretKey": []}, {"bearer": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": dict(schemas),
            "securitySchemes": {
                "secretKey": {"type": "apiKey", "in": "header", "name": "apikey"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _operation(row: RowOf[Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{row.run.__module__.rsplit('.', 1)[-1]}_{row.run.__name__}",
        "summary": row.summary,
        "parameters": [
            *(_parameter(name, "path") for name in _PARAMETER.findall(PREFIX + row.path)),
            *(_parameter(name, "query") for name in row.query),
        ],
        "responses": {
            str(row.status): _content("Done", row.gives, row.media),
            "default": _content("Refused, and why", "Problem"),
        },
    }
    if row.takes:
        operation["requestBody"] = {"required": True, **_content("", row.takes)}
        del operation["requestBody"]["description"]
    return operation


def _parameter(name: str, place: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if name == "ref":
        schema["enum"] = [PROJECT]
    found = {"name": name, "in": place, "required": place == "path", "schema": schema}
    if place == "query" and name in _QUERY:
        described, known = _QUERY[name]
        return {**found, "schema": known, "description": described}
    return found


def _content(description: str, schema: str, media: str = "application/json") -> dict[str, Any]:
    reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {"description": description, "content": {media: reference}}
