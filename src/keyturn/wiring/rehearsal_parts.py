"""What of a rehearsal is real and what stands in, and where its behaviour is taken from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keyturn.deploy.inventory import GATEWAYS, VERIFIERS, Inventory, Kind
from keyturn.flows.ports.rehearsal import LocalPart

_STANDS: Final = {
    Kind.AUTH: (
        "Keyturn's own Auth server, on PostgreSQL",
        "GoTrue's API; keys as auth 2.196.0 reads them (internal/conf/jwk.go)",
    ),
    Kind.REST: (
        "Keyturn's REST stand-in, on PostgreSQL",
        "PostgREST 16.1 Config.hs, Auth/Jwt.hs; jose-jwt's choice of keys; up to 12 hs-jose",
    ),
    Kind.REALTIME: (
        "stand-in: sockets, joins, broadcast, health",
        "realtime 2.129.8 jwt_verification.ex, realtime_channel.ex, router.ex",
    ),
    Kind.STORAGE: (
        "stand-in: objects, signed URLs, S3 access",
        "storage 1.74.0 src/internal/auth/jwt.ts; each rule seen on a running Storage",
    ),
    Kind.FUNCTIONS: (
        "stand-in: the main script's rules, one function",
        "supabase/supabase docker/volumes/functions/main/index.ts, v0 to v3",
    ),
    Kind.KONG: (
        "stand-in: a proxy with the rules of the mounted kong.yml",
        "supabase/supabase kong.yml, kong-entrypoint.sh; Kong itself was not run",
    ),
    Kind.ENVOY: (
        "stand-in: a proxy with the rules of the mounted listener",
        "supabase/supabase lds.template.yaml; Envoy 1.39.3, run",
    ),
}
_NOT_RUN: Final = ("not run", "its environment is kept, and calls are made with the keys in it")


def parts(inventory: Inventory) -> tuple[LocalPart, ...]:
    """Return one row per service of the deployment that Keyturn knows."""
    return tuple(_rows(inventory))


def _rows(inventory: Inventory) -> Iterator[LocalPart]:
    for kind in (*VERIFIERS, *GATEWAYS, Kind.STUDIO):
        service = inventory.of_kind(kind)
        if service is not None:
            yield LocalPart(service.name, kind, *_STANDS.get(kind, _NOT_RUN))
