"""Keeps the gateway in step with the key ring and the API keys.

One tick looks at both, and publishes when something that the gateway must know has changed or an
internal bearer has passed half its life. Between ticks nothing is remembered but the last
:class:`Publication`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from keyturn.errors import Unreachable
from keyturn.flows.ports.apikeys import ApiKeyRecord, ApiKeyStore, Kind
from keyturn.flows.ports.gateway import GatewayPublisher, KeyUsage
from keyturn.gateway.snapshot import (
    ROLES,
    AcceptedKey,
    Bearers,
    Purpose,
    Snapshot,
    internal_claims,
    life,
    still_fresh,
)
from keyturn.jose.jwt import encode
from keyturn.keyring.ring import KeyRing

_DEFAULT_TOKEN_LIFE = 3600


@dataclass(frozen=True)
class Publication:
    """What the gateway was told last, whether just now, and when it must be told again."""

    snapshot: Snapshot
    published: bool
    next_due: datetime
    keys_read: bool = True
    """False when the API keys could not be read and those of the last snapshot were kept."""


async def tick(
    publisher: GatewayPublisher,
    ring: KeyRing,
    api_keys: ApiKeyStore,
    last: Publication | None,
    *,
    issuer: str,
    now: datetime,
) -> Publication:
    """Publish what ``ring`` and ``api_keys`` say, if it differs from ``last``.

    While the store cannot be reached the keys of ``last`` stay and bearers are still renewed;
    without a ``last`` the ``Unreachable`` goes to the caller. Raises ``RingNotInitialised``.
    """
    previous = last.snapshot if last is not None else None
    keys, keys_read = await _accepted(api_keys, previous, ring)
    bearers = previous.bearers if previous is not None else None
    if bearers is None or not still_fresh(bearers, kid=ring.in_use.kid, issuer=issuer, now=now):
        bearers = mint(ring, issuer=issuer, now=now)
    snapshot = Snapshot(keys, bearers)
    changed = snapshot != previous
    if changed:
        await publisher.publish(snapshot)
    return Publication(snapshot, changed, bearers.due_at(), keys_read)


def mint(ring: KeyRing, *, issuer: str, now: datetime) -> Bearers:
    """Sign one bearer per purpose and role with the key in use."""
    token_life = timedelta(seconds=ring.token_life or _DEFAULT_TOKEN_LIFE)
    tokens = {
        f"{purpose}:{role}": encode(
            internal_claims(role, issuer=issuer, now=now, lives=life(purpose, token_life)),
            ring.signing_key,
        )
        for purpose in Purpose
        for role in ROLES
    }
    return Bearers(ring.in_use.kid, issuer, now, tokens)


async def record_usage(usage: KeyUsage, api_keys: ApiKeyStore) -> int:
    """Write down when keys were last used; return how many were seen."""
    seen = await usage.collect()
    times: dict[UUID | bytes, datetime] = {UUID(key): moment for key, moment in seen.items()}
    if times:
        await api_keys.touch(times)
    return len(times)


async def _accepted(
    api_keys: ApiKeyStore, previous: Snapshot | None, ring: KeyRing
) -> tuple[frozenset[AcceptedKey], bool]:
    try:
        return accepted(await api_keys.list(), ring), True
    except Unreachable:
        if previous is None:
            raise
        return frozenset(key for key in previous.keys if _backed(key.kind, ring)), False


def accepted(records: Iterable[ApiKeyRecord], ring: KeyRing) -> frozenset[AcceptedKey]:
    """Return the keys that were not revoked, as the gateway knows them."""
    return frozenset(
        AcceptedKey(record.hash.hex(), str(record.id), record.role, record.kind)
        for record in records
        if record.active and _backed(record.kind, ring)
    )


def _backed(kind: Kind, ring: KeyRing) -> bool:
    """Legacy keys are tokens of the legacy secret, and worth no more than it is."""
    return kind != "legacy" or ring.has_legacy is not None
