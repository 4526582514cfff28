"""Kong's declarative file reduced to what decides about credentials, read by paths, not names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_WRITTEN_OUT = re.compile(
    r"(?:headers|query_params)\.apikey == '([^']+)' and '(?:Bearer )?([^']*)'"
)
"""One branch of an expression in the file itself, as `keyturn render kong` writes it."""


@dataclass(frozen=True, slots=True)
class FileCredential:
    """One ``- key:`` of a consumer: a variable's name, or the key itself."""

    consumer: str
    variable: str | None
    literal: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """What happens on one path."""

    plugins: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    """Groups of the ``acl`` plugin; empty: everybody."""
    sets_authorization: bool = False
    sets_x_api_key: bool = False
    sets_sb_api_key: bool = False
    hides_credentials: bool = False
    translations: Mapping[str, str] | None = field(default=None, repr=False)
    """API key → JWT, where the file itself says so; None: the entrypoint's expressions do."""


@dataclass(frozen=True, slots=True)
class File:
    """The parts of ``kong.yml`` that matter."""

    credentials: tuple[FileCredential, ...]
    groups: Mapping[str, frozenset[str]]
    """Consumer → its groups."""
    routes: Mapping[str, Route]
    """Path without the slash at its end → what happens there."""


def read_file(document: object) -> File:
    """Return the file of a parsed ``kong.yml``; raises ``ValueError`` when it is none."""
    if not isinstance(document, Mapping) or not isinstance(document.get("services"), list):
        raise ValueError("no list of services")
    consumers = [one for one in _list(document, "consumers") if isinstance(one, Mapping)]
    groups: dict[str, frozenset[str]] = {}
    for entry in _mappings(document, "acls"):
        consumer = str(entry.get("consumer"))
        groups[consumer] = groups.get(consumer, frozenset()) | {str(entry.get("group"))}
    return File(tuple(_credentials(consumers)), groups, _routes(_mappings(document, "services")))


def _credentials(consumers: Iterable[Mapping[str, object]]) -> Iterable[FileCredential]:
    for consumer in consumers:
        for entry in _mappings(consumer, "keyauth_credentials"):
            key = entry.get("key")
            text = "" if key is None else str(key)
            variable = _VARIABLE.fullmatch(text)
            name = str(consumer.get("username"))
            yield FileCredential(name, variable and variable.group(1), "" if variable else text)


def _routes(services: Iterable[Mapping[str, object]]) -> dict[str, Route]:
    routes: dict[str, Route] = {}
    for service in services:
        for entry in _mappings(service, "routes"):
            plugins = [*_mappings(service, "plugins"), *_mappings(entry, "plugins")]
            for path in _list(entry, "paths"):
                routes.setdefault(str(path).rstrip("/") or "/", _route(plugins))
    return routes


def _route(plugins: list[Mapping[str, object]]) -> Route:
    by_name = {str(plugin.get("name")): _mapping(plugin, "config") for plugin in plugins}
    changes = list(_texts(by_name.get("request-transformer", {})))
    written_out = [one for one in changes if ".apikey" in one and "LUA_" not in one]
    pairs = {found[1]: found[2] for one in written_out for found in _WRITTEN_OUT.finditer(one)}
    return Route(
        frozenset(by_name),
        frozenset(str(group) for group in _list(by_name.get("acl", {}), "allow")),
        _sets(changes, "LUA_AUTH_EXPR", "authorization"),
        _sets(changes, "LUA_RT_WS_EXPR", "x-api-key"),
        _sets(changes, "LUA_FUNCTIONS_EXPR", "sb-api-key"),
        by_name.get("key-auth", {}).get("hide_credentials") is True,
        pairs if written_out else None,
    )


def _sets(changes: list[str], variable: str, header: str) -> bool:
    return any(
        variable in one or (one.lower().startswith(f"{header}:") and ".apikey" in one)
        for one in changes
    )


def _texts(value: object) -> Iterable[str]:
    """Yield every text within a plugin's configuration."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)


def _list(holder: Mapping[str, object], name: str) -> list[object]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


def _mappings(holder: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    return [one for one in _list(holder, name) if isinstance(one, Mapping)]


def _mapping(holder: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


_EVERYBODY = frozenset({"admin", "anon"})
_ADMIN = frozenset({"admin"})
_GROUPS = {"anon": frozenset({"anon"}), "service_role": _ADMIN}


_SINCE_2026 = frozenset(
    {
        "/auth/v1/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/sso/saml/acs",
        "/sso/saml/metadata",
        "/realtime/v1/api/tenants",
    }
)


def _official(*, translates: bool) -> File:
    keyed = frozenset({"cors", "key-auth", "acl"})
    both = Route(keyed, _EVERYBODY, sets_authorization=translates)
    socket = Route(keyed, _EVERYBODY, sets_x_api_key=translates)
    opened = Route(frozenset({"cors"}))
    names = [("anon", "SUPABASE_ANON_KEY"), ("service_role", "SUPABASE_SERVICE_KEY")]
    if translates:
        names += [("anon", "SUPABASE_PUBLISHABLE_KEY"), ("service_role", "SUPABASE_SECRET_KEY")]
    routes = {
        "/auth/v1/verify": opened,
        "/auth/v1/callback": opened,
        "/auth/v1/authorize": opened,
        "/auth/v1/.well-known/jwks.json": opened,
        "/.well-known/oauth-authorization-server": opened,
        "/sso/saml/acs": opened,
        "/sso/saml/metadata": opened,
        "/auth/v1": both,
        "/rest/v1": both,
        "/realtime/v1": socket,
        "/realtime/v1/api": both,
        "/realtime/v1/api/tenants": Route(frozenset({"request-termination"})),
        "/storage/v1": Route(frozenset({"cors"}), sets_authorization=translates),
        "/functions/v1": Route(frozenset({"cors"}), sets_sb_api_key=translates),
        "/pg": Route(keyed, _ADMIN),
        "/": Route(frozenset({"basic-auth"})),
    }
    if not translates:
        routes = {path: route for path, route in routes.items() if path not in _SINCE_2026}
    return File(tuple(FileCredential(*one) for one in names), _GROUPS, routes)


OFFICIAL_2 = _official(translates=False)
"""The official file up to February 2026, for a deployment whose own was not found."""
OFFICIAL_3 = _official(translates=True)
"""The official file of autumn 2026."""
