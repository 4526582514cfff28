"""The schemas of the OpenAPI document (JSON Schema 2020-12)."""

from __future__ import annotations

from typing import Any, Final

from keyturn.jose.algs import ALGORITHMS
from keyturn.keyring.states import KeyState

_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "string", "format": "date-time"}
_FLAG: Final = {"type": "boolean"}
_TEXTS: Final = {"type": "array", "items": _TEXT}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(members: dict[str, Any], *optional: str, closed: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
    }
    return {**schema, "additionalProperties": False} if closed else schema


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


_ALGORITHM: Final = {"type": "string", "enum": list(ALGORITHMS)}
_STATE: Final = {"type": "string", "enum": [state.value for state in KeyState]}
_NAME: Final = {"type": "string", "pattern": "^[a-z_][a-z0-9_]{1,63}$"}
_TEMPLATE: Final = _nullable({"type": "object"})

SCHEMAS: Final[dict[str, Any]] = {
    "SigningKey": _object({
        "id": _TEXT,
        "algorithm": _ALGORITHM,
        "status": _STATE,
        "public_jwk": _nullable({"type": "object"}),
        "created_at": _TIME,
        "updated_at": _TIME,
    }),
    "SigningKeys": _object({"keys": _list("SigningKey")}),
    "CreateSigningKey": _object(
        {
            "algorithm": _ALGORITHM,
            "status": {"type": "string", "enum": ["standby"]},
            "private_jwk": {"type": "object"},
        },
        "status", "private_jwk", closed=True,
    ),
    "ChangeSigningKey": _object({"status": _STATE}, closed=True),
    "ApiKey": _object({
        "api_key": _nullable(_TEXT),
        "id": {"type": "string", "format": "uuid"},
        "type": {"type": "string", "enum": ["legacy", "publishable", "secret"]},
        "prefix": _TEXT,
        "name": _TEXT,
        "description": _nullable(_TEXT),
        "hash": _TEXT,
        "secret_jwt_template": _TEMPLATE,
        "inserted_at": _TIME,
        "updated_at": _TIME,
        "last_used_at": _nullable(_TIME),
    }),
    "ApiKeys": _list("ApiKey"),
    "CreateApiKey": _object(
        {
            "type": {"type": "string", "enum": ["publishable", "secret"]},
            "name": _NAME,
            "description": {"type": "null"},
            "secret_jwt_template": _TEMPLATE,
        },
        "description", "secret_jwt_template", closed=True,
    ),
    "Legacy": _object({"enabled": _FLAG}),
    "Part": _object({
        "name": _TEXT,
        "state": _TEXT,
        "healthy": _FLAG,
        "since": _TIME,
        "restarts": {"type": "integer"},
        "last_exit": _nullable(_TEXT),
    }),
    "Status": _object({"healthy": _FLAG, "statement": _TEXT, "parts": _list("Part")}),
    "Published": _object({
        "url": _TEXT,
        "current": _FLAG,
        "expected": _TEXTS,
        "found": _nullable(_TEXTS),
        "status": _nullable({"type": "integer"}),
        "headers": _nullable({"type": "object", "additionalProperties": _TEXT}),
        "document": _nullable({"type": "object"}),
        "trouble": _nullable(_TEXT),
    }),
    "LiveTokens": _object({
        "id": _TEXT, "status": _STATE, "live_tokens": _nullable({"type": "integer"}),
    }),
    "LastHour": _object({
        "since": _TIME,
        "requests_by_algorithm": {
            "type": "object", "additionalProperties": {"type": "integer"},
        },
    }),
    "Census": _object({
        "estimate": _FLAG,
        "keys": _list("LiveTokens"),
        "last_hour": _nullable({"$ref": "#/components/schemas/LastHour"}),
    }),
    "Mail": _object({
        "id": {"type": "integer"},
        "received_at": _TIME,
        "sender": _TEXT,
        "to": _TEXTS,
        "subject": _TEXT,
        "text": _TEXT,
        "html": _TEXT,
        "links": _TEXTS,
    }),
    "Inbox": _object({"schema_version": {"type": "integer"}, "messages": _list("Mail")}),
    "AuditLine": _object({
        "id": {"type": "integer"},
        "at": _TIME,
        "actor": _TEXT,
        "subject": _TEXT,
        "subject_id": _TEXT,
        "verb": _TEXT,
        "from_state": _nullable(_TEXT),
        "to_state": _nullable(_TEXT),
        "reason": _nullable(_TEXT),
        "overridden": _nullable(_TEXT),
        "ring_version": _nullable({"type": "integer"}),
    }),
    "AuditLines": _object({"lines": _list("AuditLine")}),
    "Problem": _object(
        {
            "message": _TEXT,
            "code": _TEXT,
            "hint": _nullable(_TEXT),
            "docs": _nullable(_TEXT),
            "until": {"type": "integer"},
        },
        "until",
    ),
}  # fmt: skip
