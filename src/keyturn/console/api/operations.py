"""The API as one table: routes and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic

from keyturn.console.api import api_keys, facts, signing_keys
from keyturn.console.api.call import OperationOf
from keyturn.console.services import Services
from keyturn.console.visit import S

PREFIX: Final = "/admin/api/v1/projects/{ref}"


@dataclass(frozen=True)
class RowOf(Generic[S]):
    """One operation; ``takes`` and ``gives`` name schemas of the document."""

    method: str
    path: str
    run: OperationOf[S]
    summary: str
    gives: str
    takes: str | None = None
    query: tuple[str, ...] = ()
    status: int = 200


Row = RowOf[Services]

_KEYS: Final = "/config/auth/signing-keys"
_API_KEYS: Final = "/api-keys"

# A fixed path stands before the one whose last part is a name.
OPERATIONS: Final[Sequence[Row]] = (
    Row("GET", _KEYS, signing_keys.list_keys, "List signing keys", "SigningKeys"),
    Row(
        "POST", _KEYS, signing_keys.create_key,
        "Create a standby key, or import a private JWK as one (never directly in_use)",
        "SigningKey", "CreateSigningKey", status=201,
    ),
    Row(
        "GET", f"{_KEYS}/legacy", signing_keys.get_legacy,
        "Show the imported JWT_SECRET while it is trusted", "SigningKey",
    ),
    Row(
        "POST", f"{_KEYS}/legacy", signing_keys.import_legacy,
        "Trust the JWT_SECRET that Keyturn was started with, as a standby; once it is trusted, "
        "show it", "SigningKey", status=201,
    ),
    Row("GET", f"{_KEYS}/{{id}}", signing_keys.get_key, "Show a signing key", "SigningKey"),
    Row(
        "PATCH", f"{_KEYS}/{{id}}", signing_keys.change_key,
        "Rotate to a standby key (in_use) or revoke one; while unsafe 409, with the time",
        "SigningKey", "ChangeSigningKey",
    ),
    Row(
        "DELETE", f"{_KEYS}/{{id}}", signing_keys.delete_key, "Forget a revoked key", "SigningKey"
    ),
    Row("GET", _API_KEYS, api_keys.list_keys, "List the API keys that work", "ApiKeys"),
    Row(
        "POST", _API_KEYS, api_keys.create_key,
        "Create an API key; only this answer has its text", "ApiKey", "CreateApiKey", status=201,
    ),
    Row(
        "GET", f"{_API_KEYS}/legacy", api_keys.get_legacy, "Whether a legacy API key works",
        "Legacy",
    ),
    Row(
        "PUT", f"{_API_KEYS}/legacy", api_keys.set_legacy,
        "Revoke the legacy API keys (enabled=false); they cannot be turned on again", "Legacy",
        query=("enabled",),
    ),
    Row("GET", f"{_API_KEYS}/{{id}}", api_keys.get_key, "Show an API key", "ApiKey"),
    Row(
        "DELETE", f"{_API_KEYS}/{{id}}", api_keys.delete_key, "Revoke an API key at once", "ApiKey",
        query=("reason", "was_compromised"),
    ),
    Row("GET", "/status", facts.status, "How things stand", "Status"),
    Row("GET", "/jwks", facts.jwks, "The JWKS as it is published now", "Published"),
    Row(
        "GET", "/census", facts.census,
        "How many live tokens each key carries (estimated from sessions), and tokens seen",
        "Census",
    ),
    Row(
        "GET", "/inbox", facts.inbox, "The mails that `keyturn up` caught, newest first",
        "Inbox", query=("to",),
    ),
    Row(
        "GET", "/audit-log", facts.audit_log, "Search the audit log, newest first", "AuditLines",
        query=("subject", "verb", "subject_id", "actor", "before", "limit"),
    ),
)  # fmt: skip
