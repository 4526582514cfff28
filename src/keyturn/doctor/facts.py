"""What can only be learnt from a running system: from its database, its answers and its logs.

The adapters gather these; rules judge them. What was not asked is :class:`Unknown`, with the
reason, so that no report claims more than was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keyturn.deploy.inventory import Kind
from keyturn.profiles.request import CredentialKind
from keyturn.secret import Secret


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not looked at, or not to be had; ``reason`` is a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class DatabaseSetting:
    """A row of ``pg_db_role_setting``: ``ALTER ROLE authenticator SET pgrst.jwt_secret = …``."""

    role: str | None
    database: str | None
    name: str
    value: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dependant:
    """Something in the database that holds a credential and will send it later."""

    kind: str
    """``webhook`` (a trigger), ``cron`` (pg_cron), ``vault`` (a secret), ``function``."""
    name: str
    """As the user would look it up: ``public.orders / trigger notify_orders``."""
    credential: str
    """What it carries, in words: ``legacy service_role key``, ``sb_ key as Bearer``."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What ``--database-url`` showed; everything was read in one read-only transaction."""

    settings: tuple[DatabaseSetting, ...] = ()
    dependants: tuple[Dependant, ...] = ()
    realtime_tenants: tuple[str, ...] = ()
    """``external_id`` of the rows of ``_realtime.tenants``."""
    realtime_jwks: Mapping[str, str | None] = field(default_factory=dict)
    """Tenant → the JSON text of ``jwt_jwks`` without private members; an ``oct`` key stays, without
    its ``k``. None: it has no key set."""
    realtime_extensions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tenant → types of its rows in ``_realtime.extensions``."""
    not_looked_at: tuple[str, ...] = ()
    """Sentences: ``pg_cron is not installed``, ``no privilege on vault.secrets``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a running service said to one credential."""

    service: Kind
    credential: CredentialKind
    status: int | None
    """None: no answer; ``message`` says why."""
    code: str | None = None
    message: str | None = None
    direct: bool = False
    """Asked past the gateway."""
    accepted: bool | None = None
    """Whether whoever answered took the credential: True also where the answer is an error about
    something else (no such table, no such user), None where the answer does not tell."""
    by_gateway: bool | None = None
    """Whether the gateway answered itself; None where that cannot be told."""
    websocket: bool = False
    """Realtime was asked for a socket."""

    @property
    def said(self) -> str:
        """Return status, code and message in one line."""
        parts = (self.status, self.code, self.message)
        return " ".join(str(part) for part in parts if part) or "no answer"


@dataclass(frozen=True, slots=True)
class Difference:
    """A running service that took what it should refuse by the files, or refused the contrary."""

    service: Kind
    credential: CredentialKind
    accepted: bool
    """What the running service did."""
    said: str
    """Its status, code and message."""


@dataclass(frozen=True, slots=True)
class ProbeFacts:
    """What ``--probe URL`` observed."""

    url: str
    answers: tuple[Answer, ...] = ()
    jwks_status: int | None = None
    jwks_kids: tuple[str, ...] = ()
    jwks_cache_control: str | None = None
    jwks_age: str | None = None
    """The ``Age`` header: seconds in a cache between; None where there is none."""
    jwks_algs: tuple[str, ...] = ()
    jwks_leaks: tuple[str, ...] = ()
    """Secret members (``k``, ``d``, …) that the published set carries; must be empty."""
    jwks_problem: str | None = None
    """Why the set cannot be read, in a sentence."""
    discovery: Mapping[str, object] = field(default_factory=dict)
    """Public members of ``/.well-known/openid-configuration``; empty when it was not to be had."""
    clock_skew_seconds: float | None = None
    """Server's ``Date`` header minus this machine's clock."""
    tenants_api_status: int | None = None
    """Of ``/realtime/v1/api/tenants`` with the anon key: other than 401, 403, 404 is open."""
    not_asked: tuple[str, ...] = ()
    """Sentences: what was left out, and why."""
    seconds: float = 0.0
    """How long all of it took."""


@dataclass(frozen=True, slots=True)
class Fetches:
    """Who fetched the JWKS, as the access log shows it."""

    client: str
    """Address and user agent, shortened."""
    times: tuple[datetime, ...]
    """In order; of a client with very many fetches every ``every``-th."""
    count: int = 0
    every: int = 1
    failed: int = 0
    """How many were answered with 400 or above."""


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What ``--access-log`` showed."""

    first: datetime | None
    last: datetime | None
    lines: int
    unreadable: int
    jwks: tuple[Fetches, ...] = ()
    credentials: Mapping[str, int] = field(default_factory=dict)
    """Kind of credential → how many requests carried it, where the log's format tells."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Path family → requests answered with 400, 401 or 403. The families: ``/rest/v1/`` (exactly
    that path), ``/rest/v1``, ``/auth/v1``, ``/storage/v1/object/sign``, ``/storage/v1/s3``,
    ``/storage/v1/upload/resumable``, ``/storage/v1``, ``/functions/v1``, ``/realtime/v1``."""
    apikey_only: Mapping[str, int] = field(default_factory=dict)
    """Path family → requests with a legacy ``apikey`` and no Authorization, where the log's format
    tells; the families are ``/rest/v1``, ``/auth/v1`` and ``/realtime/v1/api``."""
    cut_short: str | None = None
    """Why the log was not read to its end, in a sentence; None: it was."""
