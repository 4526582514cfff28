"""How Supavisor guards its administration; pooled connections carry no token.

Source: supabase/supavisor (August 2026), ``Supavisor.Jwt``: HS* only, ``typ`` "JWT", exp checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keyturn.clock import unix
from keyturn.deploy.inventory import Kind
from keyturn.jose.errors import shown
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.key import HMAC_ALGORITHMS, secret_key
from keyturn.profiles.request import Request
from keyturn.profiles.token import bearer, read, seconds
from keyturn.profiles.trail import Trail
from keyturn.profiles.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Config:
    """The two secrets."""

    api_secret: str = field(default="", repr=False)
    metrics_secret: str = field(default="", repr=False)


def read_config(env: Mapping[str, str]) -> Config:
    """Return what Supavisor makes of its environment."""
    return Config(env.get("API_JWT_SECRET", ""), env.get("METRICS_JWT_SECRET", ""))


def judge(config: Config, request: Request, now: datetime, *, metrics: bool = False) -> Verdict:
    """Predict what ``/api/*`` (or ``/metrics``) says to ``request``; both know HMAC only."""
    trail = Trail(Kind.POOLER)
    name = "METRICS_JWT_SECRET" if metrics else "API_JWT_SECRET"
    secret = config.metrics_secret if metrics else config.api_secret
    token = read(bearer(request.authorization) or "")
    if token is None or token.claims is None:
        return trail.refuse("No bearer JWT arrives.", 403)
    alg, typ = token.alg or "", (token.header or {}).get("typ")
    if alg not in HMAC_ALGORITHMS or typ != "JWT":
        return trail.refuse(f"Supavisor checks HS256 to HS512 only, and this is {token}.", 403)
    key = secret_key(secret, alg=None)
    if not key.verify(alg, token.signing_input, token.signature):
        return trail.refuse(f"The signature is not that of {name}.", 403)
    expiry = seconds(token.claims, "exp")
    if expiry is not None and expiry <= unix(now):
        return trail.refuse("The token has expired.", 403)
    return trail.accept(f"{name} made the signature; role {shown(token.role)}.", token.role)


BEHAVIOURS = (
    Behaviour(
        Kind.POOLER,
        "all known",
        ("API_JWT_SECRET", "METRICS_JWT_SECRET"),
        "`/api/*` (but `/api/health`) with the first, `/metrics` with the second; HS* only",
        "403",
        "supavisor (August 2026) `lib/supavisor/jwt.ex`",
    ),
)
