"""The mounted files of a deployment: gateway configuration, functions' main script, SQL.

Minimal files with the traits by which Keyturn tells the versions apart; none is an official one.
"""

from __future__ import annotations

from pathlib import Path

_ROUTES = (
    ("auth-v1-open", "http://auth:9999/verify", "/auth/v1/verify", False),
    ("auth-v1-open-callback", "http://auth:9999/callback", "/auth/v1/callback", False),
    ("auth-v1-open-authorize", "http://auth:9999/authorize", "/auth/v1/authorize", False),
    ("auth-v1", "http://auth:9999/", "/auth/v1/", True),
    ("rest-v1", "http://rest:3000/", "/rest/v1/", True),
    ("realtime-v1-ws", "http://realtime:4000/socket/", "/realtime/v1/", True),
    ("realtime-v1-rest", "http://realtime:4000/api", "/realtime/v1/api", True),
    ("storage-v1", "http://storage:5000/", "/storage/v1/", False),
    ("functions-v1", "http://functions:9000/", "/functions/v1/", False),
    ("meta", "http://meta:8080/", "/pg/", True),
)
_JWKS_ROUTE = (
    "auth-v1-open-jwks",
    "http://auth:9999/.well-known/jwks.json",
    "/auth/v1/.well-known/jwks.json",
    False,
)
_TENANTS = """\
  - name: realtime-v1-tenants
    url: http://realtime:4000/api/tenants
    routes:
      - name: realtime-v1-tenants
        strip_path: true
        paths: [/realtime/v1/api/tenants]
    plugins:
      - name: request-termination
        config: {status_code: 403, message: Access is forbidden.}
"""
_TRANSFORM = """\
      - name: request-transformer
        config:
          add: {headers: ["Authorization: $LUA_AUTH_EXPR"]}
          replace: {headers: ["Authorization: $LUA_AUTH_EXPR"]}
"""
_TRANSFORM_SOCKET = """\
      - name: request-transformer
        config:
          add: {headers: ["x-api-key: $LUA_RT_WS_EXPR"]}
          replace: {querystring: ["apikey: $LUA_RT_WS_EXPR"]}
"""


_TRANSFORM_FUNCTIONS = """\
      - name: request-transformer
        config:
          add: {headers: ["sb-api-key: $LUA_FUNCTIONS_EXPR"]}
          replace: {headers: ["sb-api-key: $LUA_FUNCTIONS_EXPR"]}
"""


def kong_yml(anon: tuple[str, ...], service: tuple[str, ...], *, modern: bool) -> str:
    """Return a declarative configuration; the credentials are values, or ``$NAMES``."""
    lines = ["_format_version: '2.1'", "consumers:"]
    for name, keys in (("anon", anon), ("service_role", service)):
        lines += [f"  - username: {name}", "    keyauth_credentials:"]
        lines += [f"      - key: {key}" for key in keys]
    lines += [
        "acls:",
        "  - {consumer: anon, group: anon}",
        "  - {consumer: service_role, group: admin}",
    ]
    routes = _ROUTES[:3] + ((_JWKS_ROUTE,) if modern else ()) + _ROUTES[3:]
    text = "\n".join([*lines, "services:", ""])
    for name, url, path, protected in routes:
        if name == "realtime-v1-rest":  # a healthy folder of 2025 has this from a later release
            text += _TENANTS
        text += _route(name, url, path, protected, modern)
    return text


def _route(name: str, url: str, path: str, protected: bool, modern: bool) -> str:
    text = (
        f"  - name: {name}\n    url: {url}\n    routes:\n      - name: {name}-all\n"
        f"        strip_path: true\n        paths: [{path}]\n    plugins:\n      - name: cors\n"
    )
    if protected:
        groups = "[admin]" if name == "meta" else "[admin, anon]"
        text += (
            "      - name: key-auth\n        config: {hide_credentials: false}\n"
            f"      - name: acl\n        config: {{hide_groups_header: true, allow: {groups}}}\n"
        )
    if modern and name == "realtime-v1-ws":
        return text + _TRANSFORM_SOCKET
    if modern and name == "functions-v1":
        return text + _TRANSFORM_FUNCTIONS
    return text + (_TRANSFORM if modern and name != "meta" and "open" not in name else "")


_FILES = Path(__file__).parent / "deployment_files"


def file(name: str) -> str:
    """Return one of the files that are the same in every deployment."""
    return (_FILES / name).read_text()


KONG_ENTRYPOINT = file("kong-entrypoint.sh")
ENVOY_BOOTSTRAP = file("envoy.yaml")
ENVOY_CLUSTERS = file("cds.yaml")
ENVOY_LISTENER = file("lds.template.yaml")
ENVOY_ENTRYPOINT = file("docker-entrypoint.sh")
MAIN_HS256 = file("main-hs256.ts")
"""The script of before 2026: HS256 only."""
MAIN_LOCAL_JWKS = file("main-local-jwks.ts")
"""Of spring 2026: a local JWKS; knows no ``sb-api-key``."""
MAIN_SB_API_KEY = file("main-sb-api-key.ts")
"""Of autumn 2026: takes the gateway's ``sb-api-key``."""
JWT_SQL_WITH_SECRET = file("jwt-with-secret.sql")
JWT_SQL = file("jwt.sql")
