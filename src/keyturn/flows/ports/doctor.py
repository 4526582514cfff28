"""How doctor reaches running systems: it asks them, looks into their database, reads their logs.

Every port answers with facts or with :class:`~keyturn.doctor.facts.Unknown` and the reason; none
raises for what a system does, only ``UsageError`` for what the user wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from keyturn.deploy.inventory import Kind
from keyturn.doctor.facts import DatabaseFacts, LogFacts, ProbeFacts, Unknown
from keyturn.profiles.request import Credential, CredentialKind
from keyturn.secret import Secret

STANDARD_INPUT: Final = "-"


@dataclass(frozen=True)
class Limits:
    """What a probe may take and whom it may ask."""

    total_seconds: float = 4.5
    """For everything together; what has no answer by then is reported as such."""
    request_seconds: float = 3.5
    """For one request; Realtime waits 2 s before it refuses a socket."""
    concurrency: int = 8
    answer_bytes: int = 65_536
    direct: Mapping[Kind, str] = field(default_factory=dict)
    """Addresses of services to ask past the gateway as well; on loopback or the URL's own host."""
    include_service_role: bool = False
    """Whether the credentials that act as ``service_role`` may be sent."""
    proxy: str | None = None
    """An ``http://`` proxy; without one none is used, whatever the environment says."""


class Probe(Protocol):
    """Asks the services behind one address."""

    async def __call__(
        self,
        url: str,
        canaries: Mapping[CredentialKind, Credential],
        limits: Limits | None = None,
    ) -> ProbeFacts | Unknown:
        """Return what was answered; ``Unknown`` when nothing was.

        Changes nothing and follows no redirect. Raises ``UsageError`` for an address that is not
        http or https, or a direct one that is neither loopback nor on the same host.
        """
        ...


class DatabaseLook(Protocol):
    """Looks into a deployment's PostgreSQL."""

    async def __call__(self, database_url: Secret) -> DatabaseFacts | Unknown:
        """Return what depends on keys, read in one read-only transaction.

        A schema that is missing or may not be read is a sentence in ``not_looked_at``.
        """
        ...


class AccessLog(Protocol):
    """Reads the access log of a gateway."""

    def __call__(self, path: str) -> LogFacts | Unknown:
        """Return who fetched the JWKS and which credentials came; ``-`` is standard input.

        Memory is bounded whatever the size of the log; gzip is recognised by its first bytes.
        """
        ...
