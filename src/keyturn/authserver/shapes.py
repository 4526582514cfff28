"""Shapes of requests and answers that no type of their own describes (JSON Schema 2020-12)."""

from __future__ import annotations

from typing import Any, Final

TEXT: Final[dict[str, Any]] = {"type": "string"}
URL: Final[dict[str, Any]] = {"type": "string", "maxLength": 2048}
NUMBER: Final[dict[str, Any]] = {"type": "integer", "minimum": 1}
FLAG: Final[dict[str, Any]] = {"type": "boolean"}
OBJECT: Final[dict[str, Any]] = {"type": "object"}

REDIRECT: Final = {"redirect_to": URL}
PAGES: Final = {"page": NUMBER, "per_page": NUMBER}
CHALLENGE: Final = {"code_challenge": TEXT, "code_challenge_method": {"enum": ["s256", "plain"]}}


def closed(*, optional: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    """Return the schema of an object with ``members`` and no others."""
    return {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }


def words(*allowed: str) -> dict[str, Any]:
    """Return the schema of one of some words."""
    return {"type": "string", "enum": list(allowed)}


EMPTY: Final = closed()
GO_TO: Final = closed(url=URL)
SENT: Final = closed(message_id=TEXT, optional=("message_id",))
DELETED: Final = closed(id=TEXT)
ABOUT: Final = closed(version=TEXT, name=TEXT, description=TEXT)
LIVE: Final = closed(status=words("live"))
READY: Final = closed(
    status=words("ready", "not ready"),
    checks={"type": "object", "additionalProperties": TEXT},
)
JWKS: Final = closed(keys={"type": "array", "items": {"type": "object", "required": ["kty"]}})
DISCOVERY: Final = {"type": "object", "required": ["issuer", "jwks_uri"]}
SETTINGS: Final = closed(
    external={"type": "object", "additionalProperties": FLAG},
    disable_signup=FLAG,
    mailer_autoconfirm=FLAG,
    phone_autoconfirm=FLAG,
    sms_provider=TEXT,
    saml_enabled=FLAG,
    saml_private_key_next_configured=FLAG,
    passkeys_enabled=FLAG,
)
USER_INFO: Final = {"type": "object", "required": ["sub"]}
