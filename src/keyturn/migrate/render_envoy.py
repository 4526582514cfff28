"""Envoy's files for several API keys at once: a listener that stays, and the routes that change.

The routes come by RDS from a watched folder. A new key is a new ``rds.yaml`` that is *renamed* into
place: the next request sees it, open connections and sockets live on (stack.md §10). The listener
would drain its connections instead, so nothing that turns stands in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Final

from keyturn.deploy.inventory import Inventory
from keyturn.deploy.opened import text
from keyturn.deploy.render_file import CannotRender, Rendered, rendered
from keyturn.migrate.render_accepted import accepted_keys
from keyturn.migrate.render_envoy_routes import NAME, routes_document

LISTENER_FILE: Final = "lds.yaml"
ROUTES_FILE: Final = "rds.yaml"
FOLDER: Final = "/etc/envoy/keys"
"""Where both files are seen in the container; a folder, because a rename shows only there."""
PORT: Final = 8000
_TYPE: Final = "type.googleapis.com/"
_FILTERS: Final = _TYPE + "envoy.extensions.filters.http."
_DASHBOARD: Final = ("DASHBOARD_USERNAME", "DASHBOARD_PASSWORD")


def envoy_files(inventory: Inventory) -> tuple[Rendered, Rendered]:
    """Return ``lds.yaml`` and ``rds.yaml``; both are private: keys, and the dashboard's password.

    Both are JSON, which is YAML. Raises :class:`CannotRender` for keys that cannot be accepted.
    """
    keys = accepted_keys(inventory)
    if not keys:
        raise CannotRender("The gateway has no API key, so it would refuse every request.")
    user, password = (_dashboard(inventory, name) for name in _DASHBOARD)
    users = _htpasswd(user, password) if user and password else None
    routes = routes_document(keys, dashboard=users is not None)
    return (
        rendered(LISTENER_FILE, _listener(users), private=True),
        rendered(ROUTES_FILE, routes, private=True),
    )


def _dashboard(inventory: Inventory, name: str) -> str:
    gateway = inventory.gateway
    held = gateway.value(name) if gateway is not None else None
    return text(held) or text(inventory.variable(name)) or ""


def _htpasswd(user: str, password: str) -> str:
    """Return the line that Envoy's basic_auth reads; it knows SHA-1 only."""
    if ":" in user or any(sign in user for sign in "\r\n"):
        raise CannotRender("DASHBOARD_USERNAME holds a colon or a line break.")
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return f"{user}:{{SHA}}{base64.b64encode(digest).decode()}"


def _listener(users: str | None) -> str:
    filters = [_filter("cors", "cors.v3.Cors")]
    if users is not None:
        inline = {"users": {"inline_string": users}}
        filters.append(_filter("basic_auth", "basic_auth.v3.BasicAuth", inline))
    filters.append(_filter("router", "router.v3.Router"))
    path = {"path": f"{FOLDER}/{ROUTES_FILE}", "watched_directory": {"path": FOLDER}}
    source = {"path_config_source": path, "resource_api_version": "V3"}
    network = _TYPE + "envoy.extensions.filters.network.http_connection_manager.v3."
    manager = {
        "@type": network + "HttpConnectionManager",
        "stat_prefix": "supabase",
        "rds": {"route_config_name": NAME, "config_source": source},
        "http_filters": filters,
        "use_remote_address": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "normalize_path": True,
        "merge_slashes": True,
        "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}],
    }
    listener = {
        "@type": _TYPE + "envoy.config.listener.v3.Listener",
        "name": "http_listener",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": PORT}},  # noqa: S104
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    return json.dumps({"resources": [listener]}, indent=1) + "\n"


def _filter(name: str, kind: str, config: Mapping[str, object] | None = None) -> dict[str, object]:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": _FILTERS + kind, **(config or {})},
    }
