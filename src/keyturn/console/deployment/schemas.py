"""The schemas of the API of a deployment's console (JSON Schema 2020-12)."""

from __future__ import annotations

from typing import Any, Final

from keyturn.console.api.schemas import SCHEMAS as OF_A_RING
from keyturn.console.deployment.jobs import Kind

_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_ANY: Final = {"type": "object"}
_TIME: Final = {"type": "string", "format": "date-time"}
_TEXTS: Final = {"type": "array", "items": _TEXT}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(members: dict[str, Any], *, closed: bool = False, required: bool = True) -> Any:
    schema: dict[str, Any] = {"type": "object", "properties": members}
    if required:
        schema["required"] = list(members)
    return {**schema, "additionalProperties": False} if closed else schema


def _list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


_JOB: Final = {"$ref": "#/components/schemas/Job"}

SCHEMAS: Final[dict[str, Any]] = {
    "Problem": OF_A_RING["Problem"],
    "Deployment": _object({
        "folder": _TEXT, "runner": _TEXT, "statement": _TEXT, "good": _FLAG,
        "phases": _list(_object({
            "number": {"type": "integer"}, "title": _TEXT, "what": _TEXT, "reached": _FLAG,
            "following": _FLAG,
        })),
        "readiness": _ANY,
        "timeline": _list(_object({
            "at": _nullable(_TIME), "kind": _TEXT, "word": _TEXT, "text": _TEXT, "more": _TEXT,
        })),
        "next": _nullable(_object({
            "possible": _FLAG, "title": _nullable(_TEXT), "refused": _nullable(_ANY),
        })),
        "keys": _list(_object({"kid": _TEXT, "state": _TEXT})),
        "change": _nullable(_object({
            "run": _TEXT, "title": _TEXT, "status": _TEXT, "failure": _nullable(_TEXT),
            "waits_until": _nullable({"type": "integer"}), "edited": _TEXTS,
            "runner": _nullable(_TEXT), "commands": _list(_ANY),
            "next_step": _nullable(_object({
                "number": {"type": "integer"}, "of": {"type": "integer"}, "title": _TEXT,
                "begun": _FLAG,
            })),
        })),
        "job": _nullable(_JOB),
    }),
    "MakePlan": {
        **_object({
            "verb": {"enum": ["migrate", "rotate", "publish", "revoke", "fix"]},
            "alg": {"enum": ["ES256", "RS256", "EdDSA"]},
            "jwks_cache": {"type": "integer", "minimum": 0, "maximum": 86_400},
            "i_know": _TEXT,
            "kid": _TEXT,
            "keep": _FLAG,
            "findings": _TEXTS,
        }, closed=True, required=False),
        "required": ["verb"],
    },
    "Plan": _object({
        "id": _TEXT, "verb": _TEXT, "title": _TEXT, "confirm": _nullable(_TEXT), "plan": _ANY,
        "warnings": _TEXTS, "diff": _TEXT,
    }),
    "ApplyPlan": _object(
        {"confirm": _TEXT, "wait": _FLAG, "one_step": _FLAG}, closed=True, required=False
    ),
    "Resume": _object({"wait": _FLAG, "one_step": _FLAG}, closed=True, required=False),
    "Return": _object({
        "run": _TEXT, "title": _TEXT, "steps": _TEXTS, "files": _TEXTS, "services": _TEXTS,
        "notes": _TEXTS,
    }),
    "Job": _object({
        "kind": {"enum": [one.value for one in Kind]}, "title": _TEXT, "actor": _TEXT,
        "begun": _TIME, "ended": _nullable(_TIME), "doing": _TEXT,
        "part": _nullable({"type": "number"}), "waits_until": _nullable({"type": "integer"}),
        "stopped": _FLAG, "paused": _FLAG, "took": _ANY,
        "problem": _nullable({"$ref": "#/components/schemas/Problem"}),
        "result": _nullable(_ANY),
    }),
    "Jobs": _object({"job": _nullable(_JOB)}),
    "Rehearsal": _object({"rehearsal": _nullable(_JOB)}),
    "Changes": _object({"changes": _list(_object({
        "run": _TEXT, "status": _TEXT, "runner": _nullable(_TEXT), "begun": {"type": "integer"},
        "failure": _nullable(_TEXT), "plan": _ANY,
        "commands": _list(_object({"id": _TEXT, "state": _TEXT})), "proven": _ANY,
    }))}),
    "Report": _object({
        "at": _TIME, "summary": _ANY, "findings": _list(_ANY), "matrix": _nullable(_ANY),
        "direct": _nullable(_ANY), "readiness": _ANY, "inventory": _ANY, "looked_at": _TEXTS,
        "not_looked_at": _list(_ANY), "observed": _ANY, "unreachable": _TEXTS,
    }),
    "Follow": _object({"token": _TEXT}, closed=True),
    "Why": _object({"subject": _TEXT, "sent": _TEXT, "accepted": _FLAG, "services": _ANY}),
    "Cell": _object({
        "service": _TEXT, "credential": _TEXT, "predicted": _ANY, "observed": _nullable(_ANY),
        "differs": _FLAG, "judgement": _TEXT,
    }),
    "Deeds": _object({"lines": _list(_object({
        "at": _TIME, "actor": _TEXT, "verb": _TEXT, "what": _TEXT,
    }))}),
}  # fmt: skip
