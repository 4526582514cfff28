"""Renders Envoy's bootstrap: the part that only a restart changes.

One static listener, one static cluster per service, the admin interface on a Unix socket, and
limits on memory and connections. Routes come by RDS from a file beside it. Pure; no secret in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.gateway.access_log import log_fields
from keyturn.gateway.replies import ALLOWED_METHODS, local_replies
from keyturn.gateway.route_config import FILTER, NAME
from keyturn.gateway.upstreams import Upstream

ADMIN_SOCKET: Final = "admin.sock"
ROUTES_FILE: Final = "rds.json"
ACCESS_LOG: Final = "access.log"

_TYPE: Final = "type.googleapis.com/"
_FILTERS: Final = _TYPE + "envoy.extensions.filters.http."
_STRIPPED: Final = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
                    "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-path",
                    "x-real-ip", "forwarded", "x-request-id")  # fmt: skip
"""Headers that only a proxy in front may set; from anybody else they are removed."""


@dataclass(frozen=True)
class Listen:
    """Where the gateway listens and what it takes.

    ``trusted_hops``: proxies in front whose ``X-Forwarded-*`` are believed (0: none).
    """

    host: str = "127.0.0.1"
    port: int = 54321
    trusted_hops: int = 0
    header_kib: int = 64
    header_count: int = 100
    connections: int = 10_000
    heap_bytes: int = 512 << 20


def render_bootstrap(
    listen: Listen, upstreams: Mapping[str, Upstream], *, directory: str, lua: str, ca_file: str
) -> bytes:
    """Return the bootstrap as JSON.

    ``directory`` is absolute and holds the routes file and the access log; ``lua`` is the source
    of the constant filter; ``ca_file`` the trusted certificates for ``https`` upstreams.
    """
    document = {
        "node": {"id": "keyturn", "cluster": "keyturn"},
        # Relative to Envoy's working directory: a socket's path is limited to 107 bytes.
        "admin": {"address": {"pipe": {"path": ADMIN_SOCKET, "mode": 0o600}}},
        "static_resources": {
            "listeners": [_listener(listen, directory, lua)],
            "clusters": [_cluster(upstream, ca_file) for upstream in upstreams.values()],
        },
        "overload_manager": _overload(listen),
        "layered_runtime": {
            "layers": [
                {"name": "static", "static_layer": {"re2.max_program_size.error_level": 1000}}
            ]
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=True).encode()


def filter_source(body: str) -> str:
    """Put the constant that Python owns in front of the filter's source."""
    return f"local ALLOWED_METHODS = {json.dumps(ALLOWED_METHODS)}\n{body}"


def _listener(listen: Listen, directory: str, lua: str) -> dict[str, object]:
    return {
        "name": "gateway",
        "address": {"socket_address": {"address": listen.host, "port_value": listen.port}},
        "per_connection_buffer_limit_bytes": 256 << 10,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(listen, directory, lua),
                    }
                ]
            }
        ],
    }


def _connection_manager(listen: Listen, directory: str, lua: str) -> dict[str, object]:
    return {
        "@type": _TYPE + "envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "gateway",
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": True,
        "xff_num_trusted_hops": listen.trusted_hops,
        "internal_address_config": {"unix_sockets": False, "cidr_ranges": []},
        "early_header_mutation_extensions": [_early_removals(listen.trusted_hops)],
        # The routes below must see the path that the service will see.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
        "always_set_request_id_in_response": True,
        "max_request_headers_kb": listen.header_kib,
        "request_headers_timeout": "15s",
        "stream_idle_timeout": "300s",
        "delayed_close_timeout": "1s",
        "common_http_protocol_options": {
            "max_headers_count": listen.header_count,
            "idle_timeout": "600s",
            "headers_with_underscores_action": "ALLOW",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 256 << 10,
            "initial_connection_window_size": 1 << 20,
        },
        "local_reply_config": local_replies(),
        "access_log": [_access_log(directory)],
        # A WebSocket has a line when it opens, not only when it closes.
        "access_log_options": {"flush_log_on_tunnel_successfully_established": True},
        "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}],
        "rds": {
            "route_config_name": NAME,
            "config_source": {
                "path_config_source": {"path": f"{directory}/{ROUTES_FILE}"},
                "resource_api_version": "V3",
                "initial_fetch_timeout": "15s",
            },
        },
        "http_filters": _http_filters(lua),
    }


def _http_filters(lua: str) -> list[dict[str, object]]:
    return [
        {
            "name": FILTER,
            "typed_config": {
                "@type": _FILTERS + "lua.v3.Lua",
                "default_source_code": {"inline_string": filter_source(lua)},
                "clear_route_cache": False,
            },
        },
        {
            "name": "envoy.filters.http.buffer",
            "disabled": True,
            "typed_config": {"@type": _FILTERS + "buffer.v3.Buffer", "max_request_bytes": 1 << 20},
        },
        {
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": _FILTERS + "router.v3.Router",
                "suppress_envoy_headers": True,
            },
        },
    ]


def _early_removals(trusted_hops: int) -> dict[str, object]:
    removals: list[dict[str, object]] = [
        {"remove": "sb-api-key"},
        {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}},
    ]
    if trusted_hops == 0:
        removals += [{"remove": name} for name in _STRIPPED]
    return {
        "name": "strip",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.http.early_header_mutation.header_mutation.v3"
            ".HeaderMutation",
            "mutations": removals,
        },
    }


def _access_log(directory: str) -> dict[str, object]:
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": f"{directory}/{ACCESS_LOG}",
            "log_format": {"json_format": log_fields()},
        },
    }


_BY_NAME: Final = {
    "name": "envoy.clusters.dns",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster",
        "dns_refresh_rate": "5s",
        "dns_failure_refresh_rate": {"base_interval": "0.5s", "max_interval": "2s"},
        # "localhost" is often ::1 first while the service listens on 127.0.0.1 only: try both.
        "dns_lookup_family": "ALL",
    },
}


def _cluster(upstream: Upstream, ca_file: str) -> dict[str, object]:
    address = {"socket_address": {"address": upstream.host, "port_value": upstream.port}}
    cluster: dict[str, object] = {
        "name": upstream.service,
        **({"type": "STATIC"} if upstream.is_address else {"cluster_type": _BY_NAME}),
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": upstream.service,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 1024,
                    "max_pending_requests": 4096,
                    "max_requests": 8192,
                    "max_retries": 256,
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _TYPE + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                # uvicorn and Node close idle connections after 5 s; being first avoids the race.
                "common_http_protocol_options": {"idle_timeout": "4s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }
    if upstream.tls:
        cluster["transport_socket"] = _tls(upstream, ca_file)
    return cluster


def _tls(upstream: Upstream, ca_file: str) -> dict[str, object]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": upstream.host,
            "auto_sni_san_validation": True,
            "common_tls_context": {"validation_context": {"trusted_ca": {"filename": ca_file}}},
        },
    }


def _overload(listen: Listen) -> dict[str, object]:
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": _TYPE + "envoy.extensions.resource_monitors.fixed_heap.v3"
                    ".FixedHeapConfig",
                    "max_heap_size_bytes": listen.heap_bytes,
                },
            },
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": _TYPE + "envoy.extensions.resource_monitors.downstream_connections"
                    ".v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": listen.connections,
                },
            },
        ],
        "actions": [
            _when_heap("envoy.overload_actions.shrink_heap", 0.80),
            _when_heap("envoy.overload_actions.disable_http_keepalive", 0.90),
            _when_heap("envoy.overload_actions.stop_accepting_requests", 0.95),
        ],
    }


def _when_heap(action: str, above: float) -> dict[str, object]:
    trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": above}}
    return {"name": action, "triggers": [trigger]}
