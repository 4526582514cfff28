"""Envoy's routes with several API keys accepted at once, without Lua: first match wins.

For each route that needs a key stand, in this order: one rule per key for a request that brings a
user's token of its own (which stays), one per key for all others (which get the key's token), and
one that refuses. Envoy compares header values exactly, so nothing is parsed. As the official
template does, a known key's token takes the place of the key itself (services.md §8).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Final

from keyturn.gateway.replies import ALLOWED_METHODS, EXPOSED_HEADERS, set_header
from keyturn.gateway.route_config import REALTIME_TENANT
from keyturn.gateway.routes import ROUTES, Access, Route
from keyturn.migrate.render_accepted import Accepted

NAME: Final = "keyturn-api-keys"
CLUSTERS: Final = {"console": "studio"}
"""The gateway's name for a service → its cluster in the official ``cds.yaml``."""
REALTIME_HOST: Final = f"{REALTIME_TENANT}.supabase-realtime"
_TYPE: Final = "type.googleapis.com/"
_META: Final = Route("prefix", "/pg/", Access.SERVICE, "meta", "/")
_SKIPPED: Final = frozenset({Access.UNKNOWN})
_OPAQUE_BEARER: Final = "Bearer sb_"
_NO_BASIC_AUTH: Final = {
    "envoy.filters.http.basic_auth": {
        "@type": _TYPE + "envoy.config.route.v3.FilterConfig",
        "config": {},
        "disabled": True,
    }
}

Rule = dict[str, object]


def routes_document(keys: Sequence[Accepted], *, dashboard: bool) -> str:
    """Return the RDS file as JSON, with a version that follows from its content."""
    config = {
        "@type": _TYPE + "envoy.config.route.v3.RouteConfiguration",
        "name": NAME,
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "routes": list(_rules(keys, dashboard=dashboard)),
                "typed_per_filter_config": {"envoy.filters.http.cors": _cors()},
            }
        ],
        # Nobody but these rules may say them.
        "request_headers_to_remove": ["x-envoy-internal", "x-envoy-external-address"],
    }
    digest = hashlib.sha256(json.dumps(config).encode()).hexdigest()[:16]
    return json.dumps({"version_info": digest, "resources": [config]}, indent=1) + "\n"


def _rules(keys: Sequence[Accepted], *, dashboard: bool) -> Iterator[Rule]:
    for row in _rows():
        if row.access is Access.CONSOLE:
            if dashboard:
                yield _forward(row, (), {}, remove=("authorization",), basic_auth=True)
        elif row.access is not Access.FORBIDDEN:
            yield from _OF[row.access](row, keys)
        else:
            yield _refuse(row, (), 403, "RBAC: access denied")


def _rows() -> Iterator[Route]:
    for row in ROUTES:
        if row.access is Access.CONSOLE:
            yield _META
        if row.access not in _SKIPPED:
            yield row


def _open(row: Route, keys: Sequence[Accepted]) -> Iterator[Rule]:
    del keys
    yield _forward(row, (), {})


def _key(row: Route, keys: Sequence[Accepted]) -> Iterator[Rule]:
    for one in keys:
        yield from _exchange(row, one)
    yield _refuse(row, (), 401, "Unauthorized")


def _service(row: Route, keys: Sequence[Accepted]) -> Iterator[Rule]:
    for one in keys:
        if one.role == "service_role":
            yield from _exchange(row, one)
        else:
            yield _refuse(row, (_is("apikey", one.value),), 403, "RBAC: access denied")
    yield _refuse(row, (), 401, "Unauthorized")


def _optional(row: Route, keys: Sequence[Accepted]) -> Iterator[Rule]:
    """Storage: signed URLs and S3 clients bring no key; whoever brings one gets its token."""
    # A signature covers the header: replacing it, as the official template does, breaks S3.
    yield _forward(row, (_begins("authorization", "AWS4-HMAC-SHA256"),), {})
    for one in keys:
        yield from _exchange(row, one)
    yield _forward(row, _real_bearer(), {})
    yield _forward(row, (_sent("apikey"),), {"authorization": "Bearer %REQ(apikey)%"})
    yield _forward(row, (), {})


def _socket(row: Route, keys: Sequence[Accepted]) -> Iterator[Rule]:
    """Realtime reads ``x-api-key`` before the query, so the query may stay as it is."""
    for one in keys:
        headers = {"apikey": one.jwt, "x-api-key": one.jwt}
        yield _forward(row, (_is("apikey", one.value),), headers)
        yield _forward(row, (_absent("apikey"),), headers, query=one.value)
    yield _refuse(row, (), 401, "Unauthorized")


def _function(row: Route, keys: Sequence[Accepted]) -> Iterator[Rule]:
    """Functions: an open route that hands over the token of a known ``sb_`` key."""
    opaque = [one for one in keys if one.opaque]
    for one in opaque:
        other = (_begins("authorization", _OPAQUE_BEARER), _not("authorization", one.value))
        yield _refuse(row, (_is("apikey", one.value), *other), 401, "Conflicting API keys")
        yield _forward(row, (_is("apikey", one.value),), {"sb-api-key": one.jwt})
    yield _refuse(row, (_begins("apikey", "sb_"),), 401, "Invalid API key")
    for one in opaque:
        bearer = _is("authorization", f"Bearer {one.value}")
        yield _forward(row, (bearer,), {"sb-api-key": one.jwt})
    yield _refuse(row, (_begins("authorization", _OPAQUE_BEARER),), 401, "Invalid API key")
    yield _forward(row, (), {}, remove=("sb-api-key",))


_OF: Final = {
    Access.OPEN: _open,
    Access.KEY: _key,
    Access.SERVICE: _service,
    Access.OPTIONAL: _optional,
    Access.SOCKET: _socket,
    Access.FUNCTION: _function,
}


def _exchange(row: Route, key: Accepted) -> Iterator[Rule]:
    own = _is("apikey", key.value)
    yield _forward(row, (own, *_real_bearer()), {"apikey": key.jwt})
    yield _forward(row, (own,), {"apikey": key.jwt, "authorization": f"Bearer {key.jwt}"})


def _real_bearer() -> tuple[Rule, ...]:
    opaque = {**_begins("authorization", _OPAQUE_BEARER), "invert_match": True}
    return _begins("authorization", "Bearer "), opaque


def _forward(
    row: Route,
    conditions: Sequence[Rule],
    headers: dict[str, str],
    *,
    remove: tuple[str, ...] = (),
    query: str | None = None,
    basic_auth: bool = False,
) -> Rule:
    service = row.service or ""
    action: Rule = {
        "cluster": CLUSTERS.get(service, service),
        "timeout": f"{row.limits.timeout}s",
        "idle_timeout": f"{row.limits.idle}s",
    }
    if row.rewrite is not None and row.access is not Access.CONSOLE:
        action["prefix_rewrite"] = row.rewrite
    if service == "realtime":
        action["host_rewrite_literal"] = REALTIME_HOST
    if row.websocket:
        action["upgrade_configs"] = [{"upgrade_type": "websocket", "enabled": True}]
    made: Rule = {"match": _match(row, conditions, query), "route": action}
    added = {**headers, **dict(row.set_headers)}
    if added:
        made["request_headers_to_add"] = [set_header(name, one) for name, one in added.items()]
    if remove:
        made["request_headers_to_remove"] = list(remove)
    if not basic_auth:
        made["typed_per_filter_config"] = _NO_BASIC_AUTH
    return made


def _refuse(row: Route, conditions: Sequence[Rule], status: int, body: str) -> Rule:
    return {
        "match": _match(row, conditions, None),
        "direct_response": {"status": status, "body": {"inline_string": body}},
        "typed_per_filter_config": _NO_BASIC_AUTH,
    }


def _match(row: Route, conditions: Sequence[Rule], query: str | None) -> Rule:
    made: Rule
    if row.match == "exact":
        made = {"path": row.path}
    elif row.match == "segment":
        made = {"path_separated_prefix": row.path}
    else:
        made = {"prefix": row.path}
    if conditions:
        made["headers"] = list(conditions)
    if query is not None:
        made["query_parameters"] = [{"name": "apikey", "string_match": {"exact": query}}]
    return made


def _is(header: str, value: str) -> Rule:
    return {"name": header, "string_match": {"exact": value}}


def _not(header: str, key: str) -> Rule:
    return {**_is(header, f"Bearer {key}"), "invert_match": True}


def _begins(header: str, value: str) -> Rule:
    return {"name": header, "string_match": {"prefix": value}}


def _sent(header: str) -> Rule:
    return {"name": header, "present_match": True}


def _absent(header: str) -> Rule:
    return {"name": header, "present_match": False}


def _cors() -> Rule:
    return {
        "@type": _TYPE + "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"safe_regex": {"regex": ".*"}}],
        "allow_methods": ALLOWED_METHODS,
        "allow_headers": "*, authorization",
        "expose_headers": EXPOSED_HEADERS,
        "max_age": "3600",
    }
