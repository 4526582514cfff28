"""The OpenAPI 3.1 document of the Auth server, made from its routes and what they declare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from keyturn import __version__
from keyturn.accounts.errors import row
from keyturn.authserver.contract import Contract, contract_of, declares
from keyturn.authserver.document_schemas import Schemas
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.guards import ASKED, LIMITED, Captcha
from keyturn.authserver.routes import Endpoint

PATH: Final = "/openapi.json"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_DESCRIPTION: Final = (
    "GoTrue's HTTP API, served by Keyturn. Errors have one of two shapes: the header "
    "X-Supabase-Api-Version, from 2024-01-01 on, asks for the newer one. A trigger or a hook of "
    "the operator can refuse with a status and words of its own. Public GETs answer HEAD too."
)
# What any endpoint may answer; the reference says when.
_ALWAYS: Final = (
    (500, "unexpected_failure"),
    (503, "unexpected_failure"),
    (504, "request_timeout"),
)
_BODY: Final = ((400, "bad_json"), (413, "request_entity_too_large"))
_HOOKS: Final = (
    (422, "hook_timeout"),
    (422, "hook_timeout_after_retry"),
    (422, "hook_payload_over_size_limit"),
    (400, "hook_payload_invalid_content_type"),
)
_LIMIT: Final = ((429, "over_request_rate_limit"),)
_CAPTCHA: Final = ((400, "captcha_failed"),)
_RFC_6749: Final = "OAuthProblem"
_JSON_TYPE: Final = "application/json"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "json": (_JSON_TYPE,),
    "form": (_FORM_TYPE,),
    "either": (_JSON_TYPE, _FORM_TYPE),
}
_SECURITY: Final[Mapping[str, list[dict[str, list[str]]]]] = {
    "anyone": [],
    "user": [{"bearer": []}],
    "administrator": [{"bearer": []}],
    "client": [{"client": []}, {}],
}
_HEADERS: Final = {
    "version": ("X-Supabase-Api-Version", "Shape of errors: 2024-01-01, or absent"),
    "audience": ("X-JWT-AUD", "Audience, when it is not GOTRUE_JWT_AUD"),
}


def refusals_of(endpoint: Endpoint) -> frozenset[tuple[int, str]]:
    """Return status and ``error_code`` of everything that ``endpoint`` may refuse with."""
    contract = _contract(endpoint)
    if contract.fixed:
        return frozenset(contract.also)
    where = (endpoint.method, endpoint.path)
    rows = (row(name) for name in contract.refuses)
    return frozenset(
        {
            *_ALWAYS,
            *((line.status, line.code) for line in rows),
            *contract.also,
            *(_BODY if _reads(endpoint) else ()),
            *(_HOOKS if contract.hooks else ()),
            *(_LIMIT if where in LIMITED else ()),
            *(_CAPTCHA if where in ASKED else ()),
        }
    )


def _contract(endpoint: Endpoint) -> Contract:
    contract = contract_of(endpoint.handler)
    if contract is None:
        raise LookupError(
            f"{endpoint.method} {endpoint.path} declares nothing: put @declares(…) on its handler"
        )
    return contract


def _reads(endpoint: Endpoint) -> bool:
    return bool(_contract(endpoint).takes) and endpoint.method != "GET"


class Document:
    """Writes the document of a table of endpoints; it holds nothing of this installation."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._schemas = Schemas()
        self.paths: dict[str, dict[str, Any]] = {}
        for endpoint in endpoints:
            path = self.paths.setdefault(_PARAMETER.sub(r"{\1}", endpoint.path), {})
            path[endpoint.method.lower()] = self._operation(endpoint)

    def content(self) -> dict[str, Any]:
        """Return the whole document."""
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Keyturn Auth server",
                "version": __version__,
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}, {"url": "/auth/v1", "description": "through the gateway"}],
            "paths": dict(sorted(self.paths.items())),
            "components": {
                "schemas": {**dict(sorted(self._schemas.components.items())), **_problems()},
                "parameters": {name: _header(*about) for name, about in _HEADERS.items()},
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    "client": {"type": "http", "scheme": "basic"},
                },
            },
        }

    def _operation(self, endpoint: Endpoint) -> dict[str, Any]:
        contract = _contract(endpoint)
        operation: dict[str, Any] = {
            "operationId": _operation_id(endpoint),
            "summary": _summary(endpoint),
            "security": _SECURITY[contract.who],
            "parameters": _parameters(endpoint, contract),
            "responses": self._responses(endpoint, contract),
        }
        if _reads(endpoint):
            operation["requestBody"] = self._body(endpoint, contract)
        return operation

    def _body(self, endpoint: Endpoint, contract: Contract) -> dict[str, Any]:
        schema = self._schemas.of_any(contract.takes)
        if (endpoint.method, endpoint.path) in ASKED:
            schema = {"allOf": [schema, self._schemas.of(Captcha)]}
        content = {kind: {"schema": schema} for kind in _TYPES[contract.body]}
        return {"required": contract.body_required, "content": content}

    def _responses(self, endpoint: Endpoint, contract: Contract) -> dict[str, Any]:
        responses = {
            status: self._answer(status, shape) for status, shape in (contract.gives or {}).items()
        }
        codes: dict[int, set[str]] = {}
        for status, code in refusals_of(endpoint):
            codes.setdefault(status, set()).add(code)
        for status, found in codes.items():
            problem = _problem(sorted(found), oauth=contract.oauth and status == 400)
            given = responses.get(status)
            responses[status] = problem if given is None else _either(given, problem)
        return {str(status): responses[status] for status in sorted(responses)}

    def _answer(self, status: int, shape: Any) -> dict[str, Any]:
        if shape is None:
            about = {204: "Done", 304: "Not modified"}.get(status, "To where Location says")
            return {"description": about, **(_LOCATION if status in {302, 303} else {})}
        schema = self._schemas.of(shape)
        return {"description": "Done", "content": {_JSON_TYPE: {"schema": schema}}}


_LOCATION: Final = {"headers": {"Location": {"required": True, "schema": {"type": "string"}}}}


def _operation_id(endpoint: Endpoint) -> str:
    words = re.findall(r"\w+", _PARAMETER.sub(r"\1", endpoint.path))
    return "_".join((endpoint.method.lower(), *words))


def _summary(endpoint: Endpoint) -> str:
    """Return the first sentence of the handler's own documentation."""
    said = (getattr(endpoint.handler, "__doc__", None) or "").strip().split("\n\n")[0]
    return re.sub(r"\s+", " ", said).replace("``", "`")


def _parameters(endpoint: Endpoint, contract: Contract) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PARAMETER.findall(endpoint.path)
    ]
    if not (contract.body == "form" and endpoint.method == "POST"):
        found += [
            {"name": name, "in": "query", "required": False, "schema": dict(schema)}
            for name, schema in (contract.query or {}).items()
        ]
    headers = ["version", *(["audience"] if contract.audience else [])]
    return [*found, *({"$ref": f"#/components/parameters/{name}"} for name in headers)]


def _header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _problem(codes: list[str], *, oauth: bool) -> dict[str, Any]:
    """Return a response that refuses with one of ``codes``, in either shape."""
    allowed = {"type": "string", "enum": codes}
    schemas: list[dict[str, Any]] = [
        {"allOf": [_reference("Problem"), {"properties": {"error_code": allowed}}]},
        {"allOf": [_reference("NewerProblem"), {"properties": {"code": allowed}}]},
    ]
    if oauth:
        schemas.append(_reference(_RFC_6749))
    return {
        "description": "Refused: " + ", ".join(codes),
        "content": {_JSON_TYPE: {"schema": {"anyOf": schemas}}},
    }


def _either(answer: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    schemas = [part["content"][_JSON_TYPE]["schema"] for part in (answer, problem)]
    content = {_JSON_TYPE: {"schema": {"anyOf": schemas}}}
    return {"description": problem["description"], "content": content}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _problems() -> dict[str, Any]:
    """Return the shapes of errors (:func:`keyturn.authserver.problems.body_of` writes them)."""
    text = {"type": "string"}
    weak = {
        "type": "object",
        "properties": {"reasons": {"type": "array", "items": text}},
        "required": ["reasons"],
    }
    older = {"code": {"type": "integer"}, "error_code": text, "msg": text, "error_id": text}
    newer = {"code": text, "message": text}
    oauth = {"error": text, "error_description": text}
    return {
        "Problem": _object({**older, "weak_password": weak}, "error_id", "weak_password"),
        "NewerProblem": _object({**newer, "weak_password": weak}, "weak_password"),
        _RFC_6749: _object(oauth),
    }


def _object(members: dict[str, Any], *optional: str) -> dict[str, Any]:
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required}


class Described:
    """Answers ``GET /openapi.json``."""

    def __init__(self) -> None:
        self.endpoints: tuple[Endpoint, ...] = ()
        """What the document is about; set once the table is complete."""
        self._body = b""

    @declares(gives={"type": "object", "required": ["openapi", "paths"]})
    async def document(self, exchange: Exchange) -> Reply:
        """``GET /openapi.json``: this document."""
        del exchange
        if not self._body:
            self._body = msgspec.json.encode(Document(self.endpoints).content())
        return Reply(200, self._body, (JSON, (b"cache-control", b"public, max-age=3600")))
