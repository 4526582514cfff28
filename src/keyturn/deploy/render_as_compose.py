"""A Kubernetes export said as a compose deployment in memory, so that phases can be planned on it.

Phases change variables (``JWT_JWKS``) and what services take from them. Objects know neither, so
every value that the official compose file takes from a variable gets that variable back; a second
value for the same variable gets a name of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind, Service
from keyturn.deploy.opened import text
from keyturn.deploy.probe_keys import spans
from keyturn.deploy.render_env import single_line
from keyturn.deploy.render_names import API_KEYS, carries_key
from keyturn.deploy.rewrite_overlay import Overlay
from keyturn.secret import Secret

FILE: Final = "kubernetes-as-compose.yml"
_VARIABLES: Final[Mapping[str, str]] = {
    "GOTRUE_JWT_SECRET": "JWT_SECRET",
    "GOTRUE_JWT_KEYS": "JWT_KEYS",
    "PGRST_APP_SETTINGS_JWT_SECRET": "JWT_SECRET",
    "API_JWT_SECRET": "JWT_SECRET",
    "API_JWT_JWKS": "JWT_JWKS",
    "METRICS_JWT_SECRET": "JWT_SECRET",
    "AUTH_JWT_SECRET": "JWT_SECRET",
    "SUPABASE_JWKS": "JWT_JWKS",
    "SUPABASE_ANON_KEY": "ANON_KEY",
    "SUPABASE_SERVICE_KEY": "SERVICE_ROLE_KEY",
    "SUPABASE_SERVICE_ROLE_KEY": "SERVICE_ROLE_KEY",
    "SERVICE_KEY": "SERVICE_ROLE_KEY",
}
"""Setting → the variable of the official compose file, where the two have different names."""


@dataclass(slots=True)
class Nowhere:
    """A source without files."""

    def read(self, path: str) -> bytes | None:
        """Return None."""
        del path
        return None

    def exists(self, path: str) -> bool:
        """Return False."""
        del path
        return False

    def names(self, folder: str) -> tuple[str, ...]:
        """Return nothing."""
        del folder
        return ()

    def mode(self, path: str) -> int | None:
        """Return None."""
        del path
        return None


@dataclass(slots=True)
class AsCompose:
    """The files, and which name each service has in them."""

    source: Overlay
    names: dict[str, str] = field(default_factory=dict)
    """Name in the export → name in the compose file."""


def as_compose(inventory: Inventory) -> AsCompose:
    """Return a compose deployment that gives every container what the objects give it."""
    made = AsCompose(Overlay(Nowhere()))
    env = _Env()
    lines = ["services:"]
    for name, service in inventory.services.items():
        made.names[name] = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
        lines += _service(made, made.names[name], service, env)
    values = "".join(f"{name}={single_line(value)}\n" for name, value in env.values.items())
    made.source.changed[".env"] = Secret(values)
    made.source.changed[FILE] = Secret("\n".join(lines) + "\n")
    return made


class _Env:
    def __init__(self) -> None:
        self.values: dict[str, Secret] = {}

    def name(self, service: str, setting: str, value: Secret) -> str:
        """Return the variable that holds ``value`` for this setting."""
        wanted = _variable(setting, value) if carries_key(setting) else setting
        if self.values.setdefault(wanted, value) == value and carries_key(setting):
            return wanted
        return self.own(service, setting, value)

    def own(self, service: str, setting: str, value: Secret) -> str:
        """Return a variable that only this setting has."""
        own = re.sub(r"[^A-Z0-9_]", "_", f"{service}_{setting}".upper())
        self.values[own] = value
        return own


def _variable(setting: str, value: Secret) -> str:
    plain = (text(value) or "").lstrip()
    if setting == "PGRST_JWT_SECRET":
        return "JWT_JWKS" if plain.startswith("{") else "JWT_SECRET"
    if setting == "JWT_JWKS" and '"urlSigningKey"' in plain:
        return "STORAGE_JWT_JWKS"
    return _VARIABLES.get(setting, setting)


def _service(made: AsCompose, name: str, service: Service, env: _Env) -> Iterator[str]:
    yield f"  {name}:"
    yield f"    image: {json.dumps(service.image or '')}"
    if service.command is not None:
        yield f"    command: {_literal(text(service.command) or '')}"
    held = [(one, s.value) for one, s in service.settings.items() if s.value is not None]
    probed = _probed(service)
    if held:
        yield "    environment:"
    for setting, value in held:
        variable = (env.own if setting in probed else env.name)(name, setting, value)
        yield f"      {setting}: ${{{variable}}}"
    if service.healthcheck is not None:
        yield f"    healthcheck: {{test: {_healthcheck(name, service, env)}}}"
    if service.documents:
        yield "    volumes:"
    for number, document in enumerate(service.documents):
        path = f"{name}/{number}/{document.target.rpartition('/')[2]}"
        made.source.changed[path] = Secret(document.text or "")
        yield f"      - {json.dumps(f'./{path}:{document.target}')}"


def _probed(service: Service) -> frozenset[str | None]:
    """Return the legacy keys that Realtime's probe takes from the container's environment."""
    if service.kind is not Kind.REALTIME:
        return frozenset()
    plain = text(service.healthcheck) or ""
    sent = {one.token for one in spans(plain, service.settings)}
    return frozenset(name for name in API_KEYS if (text(service.value(name)) or "").strip() in sent)


def _healthcheck(name: str, service: Service, env: _Env) -> str:
    """Name the key that Realtime's probe sends: only so can phase 3 tell.

    A variable of its own: the probe goes on with its key while the gateway refuses it already.
    """
    plain = text(service.healthcheck) or ""
    sent = next(iter(spans(plain, service.settings)), None)
    if service.kind is not Kind.REALTIME or sent is None:
        return _literal(plain)
    before, after = plain[: sent.start], plain[sent.end :]
    variable = env.own(name, "PROBE_KEY", Secret(sent.token))
    return json.dumps(f"{_escaped(before)}${{{variable}}}{_escaped(after)}")


def _literal(plain: str) -> str:
    return json.dumps(_escaped(plain))


def _escaped(plain: str) -> str:
    return plain.replace("$", "$$")
