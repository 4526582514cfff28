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


def _array(members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _object(members)}


_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_ALGORITHM: Final = {"type": "string", "enum": list(ALGORITHMS)}
_STATE: Final = {"type": "string", "enum": [state.value for state in KeyState]}
_NAME: Final = {"type": "string", "pattern": "^[a-z_][a-z0-9_]{1,63}$"}
_TEMPLATE: Final = _nullable({"type": "object"})
_DESCRIPTION: Final = _nullable({"type": "string", "maxLength": 500})
_NUMBER: Final = {"type": "integer"}

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
        "revoked_at": _nullable(_TIME),
    }),
    "ApiKeys": _list("ApiKey"),
    "CreateApiKey": _object(
        {
            "type": {"type": "string", "enum": ["publishable", "secret"]},
            "name": _NAME,
            "description": _DESCRIPTION,
            "secret_jwt_template": _TEMPLATE,
        },
        "description", "secret_jwt_template", closed=True,
    ),
    "ChangeApiKey": _object(
        {"name": _NAME, "description": _DESCRIPTION, "secret_jwt_template": _TEMPLATE},
        "name", "description", "secret_jwt_template", closed=True,
    ),
    "Readiness": _object({
        "ready": _FLAG,
        "points": {
            "type": "array", "items": _object({"text": _TEXT, "met": _nullable(_FLAG)}),
        },
    }),
    "Legacy": _object({"enabled": _FLAG}),
    "Part": _object({
        "name": _TEXT,
        "state": _TEXT,
        "healthy": _FLAG,
        "since": _TIME,
        "restarts": {"type": "integer"},
        "last_exit": _nullable(_TEXT),
    }),
    "Status": _object({
        "healthy": _FLAG,
        "statement": _TEXT,
        "parts": _list("Part"),
        "addresses": _object({
            "api": _TEXT, "jwks": _TEXT, "data_dir": _TEXT, "public_jwks": _nullable(_TEXT),
        }),
        "timeline": _array({
            "at": _nullable(_TIME), "kind": _TEXT, "word": _TEXT, "text": _TEXT, "more": _TEXT,
        }),
        "verifiers": _array({
            "name": _TEXT, "learns": _TEXT,
            "accepted": _array({"id": _nullable(_TEXT), "accepted": _NUMBER, "last": _TIME}),
            "refused": _NUMBER, "refused_unknown_key": _NUMBER,
        }),
        "jwks_readers": _array({
            "address": _TEXT, "last": _TIME, "knows_standby": _nullable(_FLAG),
        }),
        "problems": _array({"kind": _TEXT, "text": _TEXT, "remedy": _TEXT, "link": _TEXT}),
        "testimony": _nullable({"$ref": "#/components/schemas/Testimony"}),
    }),
    "Testimony": _object({
        "at": _TIME,
        "answers": _array({
            "service": _TEXT, "kid": _nullable(_TEXT), "accepted": _nullable(_FLAG), "words": _TEXT,
        }),
    }),
    "Ring": _object({
        "version": _NUMBER,
        "waits": {"type": "object", "additionalProperties": _nullable(_NUMBER)},
        "keys": _array({
            "id": _TEXT, "algorithm": _ALGORITHM, "status": _STATE, "legacy": _FLAG,
            "public_pem": _nullable(_TEXT), "created_at": _TIME, "published_at": _TIME,
            "may_sign_from": _nullable(_TIME), "promoted_at": _nullable(_TIME),
            "retired_at": _nullable(_TIME), "tokens_until": _nullable(_TIME),
            "revoked_at": _nullable(_TIME), "live_tokens": _nullable(_NUMBER),
            "note": _TEXT, "ready": _FLAG,
        }),
        "rotation": _object({
            "possible": _FLAG, "refused": _nullable(_PROBLEM), "from": _TEXT,
            "to": _nullable(_TEXT),
        }),
    }),
    "Fetches": _object({
        "since": _TIME, "total": _NUMBER, "bars": {"type": "array", "items": _NUMBER},
        "clients": _array({
            "address": _TEXT, "count": _NUMBER, "last": _TIME, "habit": _TEXT, "wasteful": _FLAG,
        }),
        "others": _NUMBER,
    }),
    "Users": _object({
        "users": _list("User"), "total": _NUMBER, "page": _NUMBER, "last_page": _NUMBER,
    }),
    "User": {
        "type": "object", "required": ["id", "aud", "role"],
        "description": "As the Auth server's own /admin/users tells it.",
        "properties": {"id": {"type": "string", "format": "uuid"}, "email": _TEXT},
    },
    "Account": _object({
        "user": {"$ref": "#/components/schemas/User"},
        "sessions": _array({
            "id": _TEXT, "created_at": _nullable(_TIME), "aal": _TEXT,
            "user_agent": _nullable(_TEXT), "ip": _nullable(_TEXT),
            "newest_token_at": _nullable(_TIME), "token_lives": _FLAG,
            "signed_with": _nullable(_TEXT),
        }),
    }),
    "BanUser": _object({"ban_duration": {
        "type": "string", "description": "As in the Auth server's admin API: 24h, 720h, …",
    }}, closed=True),
    "Csv": {"type": "string"},
    "Published": _object({
        "url": _TEXT,
        "current": _FLAG,
        "expected": _TEXTS,
        "found": _nullable(_TEXTS),
        "status": _nullable({"type": "integer"}),
        "headers": _nullable({"type": "object", "additionalProperties": _TEXT}),
        "document": _nullable({"type": "object"}),
        "trouble": _nullable(_TEXT),
        "missing": _TEXTS,
        "surplus": _TEXTS,
        "fresh_in": _nullable(_NUMBER),
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
