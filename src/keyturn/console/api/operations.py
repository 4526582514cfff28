"""The API as one table: routes and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic

from keyturn.console.api import api_keys, facts, ring, signing_keys, users
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
    media: str = "application/json"
    """What the answer is written as; a refusal is always JSON."""


Row = RowOf[Services]

_KEYS: Final = "/config/auth/signing-keys"
SIGNING_KEY: Final = f"{_KEYS}/{{id}}"
"""Here an id may have slashes: it is whatever an imported key is called."""
_API_KEYS: Final = "/api-keys"
_USERS: Final = "/users"
_WHY: Final = "reason"
_LOG: Final = (
    "subject", "verb", "subject_id", "actor", "since", "until", "before", "limit"
)  # fmt: skip

# A fixed path stands before the one whose last part is a name.
OPERATIONS: Final[Sequence[Row]] = (
    Row("GET", _KEYS, signing_keys.list_keys, "List signing keys", "SigningKeys"),
    Row(
        "POST", _KEYS, signing_keys.create_key,
        "Create a standby key, or import a private JWK as one (never directly in_use)",
        "SigningKey", "CreateSigningKey", query=(_WHY,), status=201,
    ),
    Row(
        "GET", f"{_KEYS}/legacy", signing_keys.get_legacy,
        "Show the imported JWT_SECRET while it is trusted", "SigningKey",
    ),
    Row(
        "POST", f"{_KEYS}/legacy", signing_keys.import_legacy,
        "Trust the JWT_SECRET that Keyturn was started with, as a standby; once it is trusted, "
        "show it", "SigningKey", query=(_WHY,), status=201,
    ),
    Row("GET", SIGNING_KEY, signing_keys.get_key, "Show a signing key", "SigningKey"),
    Row(
        "PATCH", SIGNING_KEY, signing_keys.change_key,
        "Rotate to a standby key (in_use) or revoke one; while unsafe 409, with the time",
        "SigningKey", "ChangeSigningKey", query=("dry_run", _WHY),
    ),
    Row(
        "DELETE", SIGNING_KEY, signing_keys.delete_key, "Forget a revoked key", "SigningKey",
        query=(_WHY,),
    ),
    Row(
        "GET", "/ring", ring.picture,
        "The waits, every key with its times and what it waits for, and whether rotating is safe",
        "Ring",
    ),
    Row(
        "GET", _API_KEYS, api_keys.list_keys, "List the API keys that work", "ApiKeys",
        query=("revoked", "reveal"),
    ),
    Row(
        "POST", _API_KEYS, api_keys.create_key,
        "Create an API key; only this answer has its text, whatever reveal says", "ApiKey",
        "CreateApiKey", query=("reveal", _WHY), status=201,
    ),
    Row(
        "GET", f"{_API_KEYS}/legacy", api_keys.get_legacy, "Whether a legacy API key works",
        "Legacy",
    ),
    Row(
        "PUT", f"{_API_KEYS}/legacy", api_keys.set_legacy,
        "Revoke the legacy API keys (enabled=false); they cannot be turned on again", "Legacy",
        query=("enabled", _WHY),
    ),
    Row(
        "GET", f"{_API_KEYS}/legacy/readiness", api_keys.legacy_readiness,
        "What should be so before the legacy keys are turned off, by evidence", "Readiness",
    ),
    Row(
        "GET", f"{_API_KEYS}/{{id}}", api_keys.get_key, "Show an API key", "ApiKey",
        query=("reveal",),
    ),
    Row(
        "PATCH", f"{_API_KEYS}/{{id}}", api_keys.change_key,
        "Rename or describe an API key; a legacy key keeps its name", "ApiKey", "ChangeApiKey",
        query=("reveal", _WHY),
    ),
    Row(
        "DELETE", f"{_API_KEYS}/{{id}}", api_keys.delete_key, "Revoke an API key at once", "ApiKey",
        query=("reveal", _WHY, "was_compromised"),
    ),
    Row(
        "GET", "/status", facts.status,
        "How things stand: a sentence, the timeline, verifiers, problems, parts", "Status",
    ),
    Row(
        "POST", "/verifiers/ask", facts.ask_verifiers,
        "Show every verifier a token of each key that can sign, and a forgery", "Testimony",
        query=(_WHY,),
    ),
    Row(
        "GET", "/jwks", facts.jwks, "The JWKS as it is published now, against the ring",
        "Published", query=("public",),
    ),
    Row(
        "GET", "/jwks/fetches", facts.jwks_fetches, "Who fetched the JWKS in the last hour",
        "Fetches",
    ),
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
        "GET", _USERS, users.search, "Search accounts, newest first", "Users", query=("q", "page")
    ),
    Row("GET", f"{_USERS}/{{id}}", users.get, "Show an account and its sessions", "Account"),
    Row(
        "DELETE", f"{_USERS}/{{id}}/sessions", users.end_sessions,
        "Sign an account out everywhere; the sessions do not come back", "Account", query=(_WHY,),
    ),
    Row(
        "DELETE", f"{_USERS}/{{id}}/sessions/{{session_id}}", users.end_session,
        "Sign an account out of one session", "Account", query=(_WHY,),
    ),
    Row(
        "PUT", f"{_USERS}/{{id}}/ban", users.ban, "Ban an account, which ends its sessions",
        "Account", "BanUser", query=(_WHY,),
    ),
    Row("DELETE", f"{_USERS}/{{id}}/ban", users.lift_ban, "Lift a ban", "Account", query=(_WHY,)),
    Row(
        "GET", "/audit-log", facts.audit_log, "Search the audit log, newest first", "AuditLines",
        query=_LOG,
    ),
    Row(
        "GET", "/audit-log.csv", facts.audit_log_csv, "The same as a file for spreadsheets", "Csv",
        query=_LOG, media="text/csv",
    ),
)  # fmt: skip
