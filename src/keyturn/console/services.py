"""What the console's pages and its API work with; wiring builds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from keyturn.clock import Clock
from keyturn.console.counts import Counts
from keyturn.console.limiter import FailureLimiter
from keyturn.console.overview import Addresses, PartLine
from keyturn.console.password import Password
from keyturn.console.sessions import Sessions
from keyturn.console.streams import Streams
from keyturn.console.witnesses import Witnesses
from keyturn.flows.desk import Desk
from keyturn.flows.keys import Bench
from keyturn.flows.ports.apikeys import ApiKeyRecord, ApiKeyStore
from keyturn.flows.ports.audit import AuditLog, VisitVerb
from keyturn.flows.ports.http import HttpAnswer
from keyturn.flows.ports.inbox import CaughtMail
from keyturn.jose.keys import SigningKey
from keyturn.secret import Secret


class VisitLog(Protocol):
    """Where it is written down who signed in and out."""

    async def record_visit(self, verb: VisitVerb, *, at: datetime, actor: str, visit: str) -> None:
        """Add that ``actor`` signed in or out; ``visit`` names the session.

        Where a password did not fit there is none: ``visit`` is the address that tried.
        """
        ...


class KnownKeys(Protocol):
    """The API keys that let programs in."""

    async def list(self) -> Sequence[ApiKeyRecord]:
        """Return all keys, revoked ones too."""
        ...

    async def touch(self, seen: Mapping[UUID | bytes, datetime]) -> None:
        """Record when keys were last used."""
        ...


@dataclass(frozen=True, kw_only=True)
class Reception:
    """What lets people and programs in, whatever the console behind it shows."""

    api_keys: KnownKeys
    audit: VisitLog
    sessions: Sessions
    limiter: FailureLimiter
    clock: Clock
    password: Password | None = None
    """The password that lets in beside links; None where there is none to set."""
    streams: Streams = field(default_factory=Streams)
    """The live updates that are open now."""


@dataclass(frozen=True, kw_only=True)
class Services(Reception):
    """Ports and facts; the same flows as the command line's stand behind every action."""

    api_keys: ApiKeyStore
    audit: AuditLog
    bench: Bench
    entropy: Callable[[int], bytes]
    addresses: Addresses
    parts: Callable[[], Sequence[PartLine]]
    fetch_jwks: Callable[[str | None], Awaitable[HttpAnswer]]
    """Asks for the JWKS as any client would, here or at a URL; raises ``Unreachable``."""
    show_once: Callable[[Secret], str]
    """Opens the text of an API key that was just made, for the one answer that shows it."""
    inbox: Callable[[], Sequence[CaughtMail]] = tuple
    """The mails that were caught, the newest first."""
    desk: Desk | None = None
    """The accounts; None when another server keeps them."""
    counts: Counts = field(default_factory=Counts)
    witnesses: Witnesses | None = None
    """Asks the verifiers of this deployment; None when there are none to ask."""
    legacy_key: SigningKey | None = field(default=None, repr=False)
    """The ``JWT_SECRET`` that this process was started with."""

    @property
    def rehearsing(self) -> Bench:
        """A bench on which every verb is decided and nothing is changed."""
        return replace(self.bench, dry_run=True)
