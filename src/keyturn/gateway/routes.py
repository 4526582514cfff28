"""The gateway's routes as a table: first match wins, one row per rule.

Source of the rows: ``volumes/api`` of self-hosted Supabase (Envoy is its default gateway since
August 2026). The row says where a request goes and which key it needs; how the headers of each
kind of access are rewritten is written once, in the filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

MIB: Final = 1 << 20
KIB: Final = 1 << 10


class Access(StrEnum):
    """Which key a route needs, and how the filter rewrites its headers."""

    OPEN = "open"
    KEY = "key"
    SERVICE = "service"
    SOCKET = "socket"
    OPTIONAL = "optional"
    FUNCTION = "function"
    CONSOLE = "console"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"


Match = Literal["exact", "segment", "prefix", "regex"]


@dataclass(frozen=True)
class Limits:
    """What one request may take; ``body`` in bytes (0: no limit), times in seconds (0: none).

    ``buffered`` bodies are held until complete, so the limit also holds for chunked ones; the
    others stream, and the limit is applied to the announced length.
    """

    body: int
    buffered: bool
    timeout: int
    idle: int


AUTH_LIMITS: Final = Limits(body=MIB, buffered=True, timeout=60, idle=60)
REST_LIMITS: Final = Limits(body=16 * MIB, buffered=True, timeout=120, idle=120)
SOCKET_LIMITS: Final = Limits(body=64 * KIB, buffered=False, timeout=0, idle=600)
STORAGE_LIMITS: Final = Limits(body=5120 * MIB, buffered=False, timeout=0, idle=300)
FUNCTION_LIMITS: Final = Limits(body=64 * MIB, buffered=False, timeout=0, idle=400)
CONSOLE_LIMITS: Final = Limits(body=MIB, buffered=False, timeout=0, idle=3600)


@dataclass(frozen=True)
class Route:
    """One rule; ``rewrite`` takes the place of what was matched."""

    match: Match
    path: str
    access: Access
    service: str | None = None
    rewrite: str | None = None
    limits: Limits = AUTH_LIMITS
    websocket: bool = False
    set_headers: tuple[tuple[str, str], ...] = ()


_GRAPHQL: Final = (("content-profile", "graphql_public"),)
_METADATA: Final = "/.well-known/oauth-authorization-server"


def _open(match: Match, tail: str) -> Route:
    return Route(match, f"/auth/v1{tail}", Access.OPEN, "auth", tail)


ROUTES: Final[tuple[Route, ...]] = (
    # Auth: what a browser, an identity provider or a verifier opens without a key.
    _open("segment", "/verify"),
    _open("segment", "/callback"),
    _open("segment", "/authorize"),
    # The OAuth server: applications of others come with their own credentials, or none yet.
    _open("exact", "/oauth/authorize"),
    _open("exact", "/oauth/token"),
    _open("exact", "/oauth/userinfo"),
    _open("exact", "/oauth/clients/register"),
    _open("prefix", "/.well-known/"),
    _open("exact", "/openapi.json"),
    _open("prefix", "/sso/saml/"),
    Route("exact", _METADATA, Access.OPEN, "auth", _METADATA),
    Route("exact", f"{_METADATA}/auth/v1", Access.OPEN, "auth", _METADATA),
    Route("prefix", "/auth/v1/", Access.KEY, "auth", "/"),
    # PostgREST: its root describes the whole schema, so it is for service_role only.
    Route("exact", "/rest/v1", Access.SERVICE, "rest", "/", REST_LIMITS),
    Route("exact", "/rest/v1/", Access.SERVICE, "rest", "/", REST_LIMITS),
    Route("prefix", "/rest/v1/", Access.KEY, "rest", "/", REST_LIMITS),
    Route(
        "segment", "/graphql/v1", Access.KEY, "rest", "/rpc/graphql", REST_LIMITS,
        set_headers=_GRAPHQL,
    ),
    # Realtime: its admin API accepts any HMAC token, even the public anon key.
    Route("segment", "/realtime/v1/api/tenants", Access.FORBIDDEN),
    Route("segment", "/realtime/v1/api/openapi", Access.FORBIDDEN),
    Route("segment", "/realtime/v1/api", Access.KEY, "realtime", "/api", AUTH_LIMITS),
    Route(
        "prefix", "/realtime/v1/", Access.SOCKET, "realtime", "/socket/", SOCKET_LIMITS,
        websocket=True,
    ),
    # Storage: public objects, signed URLs and S3 clients carry no key.
    Route("prefix", "/storage/v1/", Access.OPTIONAL, "storage", "/", STORAGE_LIMITS),
    Route(
        "prefix", "/functions/v1/", Access.FUNCTION, "functions", "/", FUNCTION_LIMITS,
        websocket=True,
    ),
    Route("segment", "/api/mcp", Access.FORBIDDEN),
    Route("segment", "/mcp", Access.FORBIDDEN),
    # An API that this stack does not have tells only holders of a key so.
    Route("regex", "^/[^/]+/v1(/.*)?$", Access.UNKNOWN),
    Route("prefix", "/", Access.CONSOLE, "console", "/", CONSOLE_LIMITS),
)  # fmt: skip
