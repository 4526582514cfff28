"""How long a step must wait, in seconds, and why: arithmetic on settings, no hope in it.

Publish before sign: the JWKS is cached 10 minutes by clients and at the edge (hosted Supabase's own
guidance is the 20 minutes). Keep to verify: the longest token life, the skew that PostgREST allows,
and the margin that hosted Supabase adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text

JWKS_MAX_AGE: Final = 600
CLIENT_CACHE: Final = 600
DEFAULT_PUBLISH_WAIT: Final = JWKS_MAX_AGE + CLIENT_CACHE
MARGIN: Final = 900
SKEW: Final = 30
DEFAULT_TOKEN_LIFE: Final = 3600
"""GoTrue's, also for an empty or zero ``GOTRUE_JWT_EXP`` (2.196)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A length of time, and the sum that made it."""

    seconds: int
    why: str


def publish_wait(extra_caches: int = 0) -> Waiting:
    """Return how long a key must have been published before it signs.

    ``extra_caches`` is what the user's own CDN or proxies cache the JWKS for.
    """
    extra = f" + {extra_caches} s in front of it" if extra_caches else ""
    return Waiting(
        DEFAULT_PUBLISH_WAIT + extra_caches,
        f"JWKS max-age {JWKS_MAX_AGE} s + client cache {CLIENT_CACHE} s{extra}",
    )


def token_life(inventory: Inventory) -> int:
    """Return how long an access token lives in this deployment."""
    auth = inventory.of_kind(Kind.AUTH)
    value = (text(auth.get("GOTRUE_JWT_EXP")) or "").strip() if auth is not None else ""
    return int(value) if value.isascii() and value.isdigit() and int(value) else DEFAULT_TOKEN_LIFE


def retire_wait(inventory: Inventory) -> Waiting:
    """Return how long a key must go on verifying after it signed for the last time."""
    life = token_life(inventory)
    return Waiting(
        life + SKEW + MARGIN,
        f"access tokens live {life} s, PostgREST forgives {SKEW} s, margin {MARGIN} s",
    )
