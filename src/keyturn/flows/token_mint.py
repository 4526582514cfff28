"""Signing a test token with the key in use: short-lived, logged, and never of a role by accident.

The log line is written before the token leaves: none gets out that nobody recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from keyturn.clock import unix
from keyturn.errors import RefusedUnsafe, UsageError
from keyturn.flows.ports.ring import RingStore
from keyturn.flows.ports.token_log import TokenLog
from keyturn.jose.jwt import encode
from keyturn.keyring.change import Intent
from keyturn.secret import Secret
from keyturn.verify.claims import MAX_ROLE_BYTES
from keyturn.verify.inspection_remarks import PRIVILEGED_ROLES

DEFAULT_LIFE: Final = 300
LONGEST_LIFE: Final = 3600
OWN_OPTIONS: Final = frozenset({"role", "sub", "aud", "iss", "exp", "iat", "nbf"})
"""Claims that have an option, so that no other way leads around its limits."""
_SYSTEM_PREFIXES: Final = ("supabase_", "pg_")


class PrivilegedRole(RefusedUnsafe):
    """A token of this role is not bound by row-level security."""

    code = "privileged_role"
    default_hint = (
        "Add --yes to the command line if you mean it; nothing in the environment counts as a yes."
    )


@dataclass(frozen=True)
class MintRequest:
    """What the token shall say; ``ttl`` in seconds, 1 to 3600."""

    role: str
    sub: str | None = None
    audience: str | None = "authenticated"
    issuer: str | None = None
    ttl: int = DEFAULT_LIFE
    claims: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    confirmed: bool = False
    """Whether somebody said yes to a privileged role."""


@dataclass(frozen=True)
class MintedToken:
    """The token and what may be told of it."""

    token: Secret
    kid: str
    """The key's name in the ring; the tokens of a legacy key do not carry it."""
    alg: str
    claims: Mapping[str, object]
    expires_at: datetime


async def mint(
    store: RingStore, log: TokenLog, request: MintRequest, intent: Intent
) -> MintedToken:
    """Sign the token of ``request`` with the key in use, from ``intent.now`` on.

    Raises ``UsageError``, ``PrivilegedRole``, ``RingNotInitialised`` or ``UnsignableClaims``.
    """
    check(request)
    ring = await store.load()
    claims = claims_of(request, intent.now)
    token = encode(claims, ring.signing_key)
    logged = Intent(intent.now, intent.actor, _logged_reason(request, intent.reason))
    await log.record_mint(logged, ring.in_use, ring.version)
    return MintedToken(
        Secret(token),
        ring.in_use.kid,
        ring.in_use.alg,
        MappingProxyType(claims),
        intent.now + timedelta(seconds=request.ttl),
    )


def check(request: MintRequest) -> None:
    """Refuse what no test token may be; raises ``UsageError`` or ``PrivilegedRole``."""
    if not 1 <= request.ttl <= LONGEST_LIFE:
        raise UsageError(
            f"A test token lives 1 to {LONGEST_LIFE} seconds, not {request.ttl}.",
            hint="For lasting access make an API key: `keyturn apikeys create`.",
        )
    role = request.role
    if not role or not role.isprintable() or len(role.encode()) > MAX_ROLE_BYTES:
        raise UsageError(f"A role has 1 to {MAX_ROLE_BYTES} printable bytes.")
    taken = sorted(OWN_OPTIONS & request.claims.keys())
    if taken:
        raise UsageError(
            f"The claims {', '.join(taken)} cannot be set with --claim.",
            hint="They have options: --role, --sub, --audience, --issuer and --ttl.",
        )
    if is_privileged(role) and not request.confirmed:
        raise PrivilegedRole(
            f"A token of the role {role} can read and change everything in the database."
        )


def is_privileged(role: str) -> bool:
    """Return whether ``role`` is one of the system's, however it is written."""
    name = role.strip().lower()
    return name in PRIVILEGED_ROLES or name.startswith(_SYSTEM_PREFIXES)


def claims_of(request: MintRequest, now: datetime) -> dict[str, object]:
    """Return the claims in the order in which Auth writes them."""
    issued = unix(now)
    named = {"iss": request.issuer, "sub": request.sub, "aud": request.audience}
    claims: dict[str, object] = {name: text for name, text in named.items() if text is not None}
    claims |= {"exp": issued + request.ttl, "iat": issued}
    return claims | dict(request.claims) | {"role": request.role}


def _logged_reason(request: MintRequest, reason: str | None) -> str:
    facts = f"role {request.role}, sub {request.sub or 'none'}, {request.ttl} s"
    return f"{facts}: {reason}" if reason else facts
