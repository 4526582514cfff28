"""Which variable of the env file reaches which setting of which service, and the edit for it.

The names are those of the official compose file (September 2026). Where a deployment already hands
the setting over under another name, that name stays; where the line is commented out, it is
uncommented; otherwise it is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.edit import Edit, ReplaceFile, SetSetting, SetVariable, UncommentSetting
from keyturn.deploy.inventory import Inventory, Kind, Service
from keyturn.deploy.opened import raw
from keyturn.deploy.setting import Setting
from keyturn.migrate.live import Live, live_way
from keyturn.secret import Secret


@dataclass(frozen=True, slots=True)
class Wire:
    """One setting that must hold one document."""

    kind: Kind
    setting: str
    variable: str


AUTH: Final = Wire(Kind.AUTH, "GOTRUE_JWT_KEYS", "JWT_KEYS")
REST: Final = Wire(Kind.REST, "PGRST_JWT_SECRET", "JWT_JWKS")
REALTIME: Final = Wire(Kind.REALTIME, "API_JWT_JWKS", "JWT_JWKS")
STORAGE: Final = Wire(Kind.STORAGE, "JWT_JWKS", "JWT_JWKS")
FUNCTIONS: Final = Wire(Kind.FUNCTIONS, "SUPABASE_JWKS", "JWT_JWKS")
STORAGE_OWN: Final = Wire(Kind.STORAGE, "JWT_JWKS", "STORAGE_JWT_JWKS")
"""Storage's own set, with the key that signs its URLs: nobody else may know that key."""


def hand_over(inventory: Inventory, wire: Wire, document: Secret) -> Iterator[Edit]:
    """Yield what gives the service of ``wire`` a new ``document``; nothing without the service.

    The variable itself is set by whoever calls this where several wires share it. A service that
    reads a file again while it runs gets it there, and not in its environment.
    """
    service = inventory.of_kind(wire.kind)
    live = live_way(inventory, service) if service is not None else None
    if service is None or not isinstance(live, Live):
        yield from edits(inventory, wire)
        return
    path = live.files[0]
    if wire.kind is Kind.AUTH:
        yield SetVariable(wire.setting, document, path)
        return
    old = next((one.text for one in service.documents if one.path == path), None) or ""
    yield ReplaceFile(path, Secret(raw(document) + b"\n") if old.endswith("\n") else document)


def to_auth(inventory: Inventory, document: Secret) -> Iterator[Edit]:
    """Yield what gives Auth its keys.

    The env file is written also where Auth watches a file of its own, if it holds keys: no retired
    key may be left there.
    """
    auth = inventory.of_kind(Kind.AUTH)
    live = auth is not None and isinstance(live_way(inventory, auth), Live)
    if not live or inventory.variable(AUTH.variable) is not None:
        yield SetVariable(AUTH.variable, document)
    yield from hand_over(inventory, AUTH, document)


def edits(inventory: Inventory, wire: Wire) -> Iterator[Edit]:
    """Yield what is missing so that ``wire`` holds; nothing without the service."""
    service = inventory.of_kind(wire.kind)
    if service is None or _holds(service.settings.get(wire.setting), wire.variable):
        return
    commented = service.commented.get(wire.setting)
    if commented is not None and _first_name(commented.template) == wire.variable:
        yield UncommentSetting(service.name, wire.setting)
        return
    yield SetSetting(service.name, wire.setting, f"${{{wire.variable}}}")


def _holds(setting: Setting | None, variable: str) -> bool:
    """Whether the setting takes the variable before anything else."""
    return setting is not None and _first_name(setting.template) == variable


def _first_name(template: str | None) -> str | None:
    """Return the name in ``${NAME…}`` when the text is that and nothing else before it."""
    if template is None:
        return None
    body = template.strip().strip("\"'")
    if not body.startswith("${"):
        return body[1:] if body.startswith("$") and body[1:].isidentifier() else None
    name = ""
    for letter in body[2:]:
        if not (letter.isalnum() or letter == "_"):
            break
        name += letter
    return name or None


def give(service: Service | None, name: str, variable: str) -> Iterator[Edit]:
    """Yield the edit that makes ``service`` take ``name`` from ``variable``, if it has ``name``."""
    if service is None or name not in service.settings:
        return
    if not _holds(service.settings[name], variable):
        yield SetSetting(service.name, name, f"${{{variable}}}")
