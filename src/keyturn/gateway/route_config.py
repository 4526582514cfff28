"""Renders the RDS file: routes, accepted key hashes and internal bearers.

Pure; the same input gives the same bytes. The keys and bearers hang on the virtual host once, the
filter looks one up by name in constant time; each route carries only its own row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from keyturn.gateway.replies import CORS, set_header
from keyturn.gateway.routes import ROUTES, Access, Route
from keyturn.gateway.snapshot import Snapshot
from keyturn.gateway.upstreams import SERVICES, Upstream

NAME: Final = "keyturn"
FILTER: Final = "envoy.filters.http.lua"
_BUFFER: Final = "envoy.filters.http.buffer"
_TYPE: Final = "type.googleapis.com/"
_NO_CORS: Final = frozenset({Access.CONSOLE})
REALTIME_TENANT: Final = "realtime-dev"
"""Realtime takes its tenant from the first label of ``Host``; self-hosted stacks have this one."""


def render_routes(upstreams: Mapping[str, Upstream], snapshot: Snapshot) -> bytes:
    """Return the file that Envoy watches (JSON form of an xDS ``DiscoveryResponse``)."""
    routes = [_route(row, upstreams) for row in ROUTES]
    config = {
        "@type": _TYPE + "envoy.config.route.v3.RouteConfiguration",
        "name": NAME,
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "metadata": _metadata(_known(snapshot)),
                "routes": routes,
            }
        ],
        "request_headers_to_remove": ["x-envoy-internal", "x-envoy-external-address"],
    }
    version = hashlib.sha256(_json(config)).hexdigest()[:16]
    return _json({"version_info": version, "resources": [config]})


def version_of(document: bytes) -> str:
    """Return the version that Envoy reports once it serves ``document``."""
    return str(json.loads(document)["version_info"])


def _known(snapshot: Snapshot) -> dict[str, object]:
    known: dict[str, object] = {
        key.digest: {"id": key.id, "role": key.role, "kind": key.kind} for key in snapshot.keys
    }
    return known | dict(snapshot.bearers.tokens)


def _route(row: Route, upstreams: Mapping[str, Upstream]) -> dict[str, object]:
    upstream = upstreams.get(row.service) if row.service else None
    facts: dict[str, object] = {"access": row.access.value, "limit": row.limits.body}
    if row.service and upstream is None:
        facts["missing"] = SERVICES[row.service] or row.service
    rendered: dict[str, object] = {"match": _match(row), "metadata": _metadata(facts)}
    if row.access not in _NO_CORS:
        rendered["response_headers_to_add"] = [
            set_header(name, value, keep=True) for name, value in CORS.items()
        ]
    if upstream is None:
        # The filter answers here; what it let through would find no service.
        rendered["route"] = {"cluster": "none", "cluster_not_found_response_code": "NOT_FOUND"}
        return rendered
    rendered["route"] = _action(row, upstream)
    rendered["request_headers_to_add"] = _request_headers(row)
    if row.limits.buffered:
        rendered["typed_per_filter_config"] = {_BUFFER: _buffer(row.limits.body)}
    return rendered


def _match(row: Route) -> dict[str, object]:
    if row.match == "exact":
        return {"path": row.path}
    if row.match == "segment":
        return {"path_separated_prefix": row.path}
    if row.match == "regex":
        return {"safe_regex": {"regex": row.path}}
    return {"prefix": row.path}


def _action(row: Route, upstream: Upstream) -> dict[str, object]:
    action: dict[str, object] = {
        "cluster": upstream.service,
        "prefix_rewrite": upstream.path + (row.rewrite or ""),
        "timeout": f"{row.limits.timeout}s",
        "idle_timeout": f"{row.limits.idle}s",
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 8,
            "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
        },
    }
    host = _host(upstream)
    if host is not None:
        action["host_rewrite_literal"] = host
    if row.websocket:
        action["upgrade_configs"] = [{"upgrade_type": "websocket", "enabled": True}]
    return action


def _host(upstream: Upstream) -> str | None:
    if upstream.service == "realtime":
        named = upstream.host.split(".")[0] == REALTIME_TENANT
        return upstream.host if named else f"{REALTIME_TENANT}.{upstream.host}"
    return upstream.host if upstream.tls else None


def _request_headers(row: Route) -> list[dict[str, object]]:
    added = [
        # One address: the client's own, or what the trusted proxies in front say it is.
        set_header("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        set_header("x-forwarded-host", "%REQ(:AUTHORITY)%", keep=True),
    ]
    prefix = row.path.rstrip("/")
    if row.access is not Access.CONSOLE and row.rewrite == "/" and prefix:
        added.append(set_header("x-forwarded-prefix", prefix))
    return added + [set_header(name, value) for name, value in row.set_headers]


def _buffer(limit: int) -> dict[str, object]:
    return {
        "@type": _TYPE + "envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        "buffer": {"max_request_bytes": limit},
    }


def _metadata(facts: Mapping[str, object]) -> dict[str, object]:
    return {"filter_metadata": {FILTER: dict(sorted(facts.items()))}}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
