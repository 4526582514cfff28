"""Which variables and settings carry keys, by their names: what a rendering for others is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from keyturn.deploy.inventory import Inventory, Service
from keyturn.deploy.setting import Setting, Variable

API_KEYS: Final = ("ANON_KEY", "SERVICE_ROLE_KEY")
"""The legacy ones."""
HEALTH_TOKEN: Final = "REALTIME_HEALTH_TOKEN"  # noqa: S105 - a variable's name
"""What Realtime's own probe sends after phase 3."""
_KEY: Final = re.compile(
    r"(?:.*_)?(?:JWT_SECRET|JWT_KEYS|JWKS|ANON_KEY|SERVICE_KEY|SERVICE_ROLE_KEY)"
    r"|(?:ANON|SERVICE_ROLE)_KEY_ASYMMETRIC"
    r"|SUPABASE_(?:PUBLISHABLE|SECRET)_KEY(?:S|_[A-Z0-9_]+)?"
    r"|[A-Z0-9_]+_OWN_SECRET|(?:REALTIME|POOLER)_METRICS_SECRET|REALTIME_HEALTH_TOKEN"
)
"""services.md §1, and the variables that phase 3 makes."""


def carries_key(name: str) -> bool:
    """Whether a variable or setting of this name holds keys or API keys."""
    return _KEY.fullmatch(name) is not None


def key_variables(inventory: Inventory) -> dict[str, Variable]:
    """Return the variables that hold keys and are set, empty ones included."""
    return {
        name: one
        for name, one in inventory.variables.items()
        if carries_key(name) and one.value is not None
    }


def key_settings(service: Service) -> Iterator[tuple[str, Setting]]:
    """Yield the settings of a service that hold keys, by their own name or their variable's."""
    for name, setting in service.settings.items():
        named = any(carries_key(one.name) for one in setting.variables)
        if setting.value is not None and (named or carries_key(name)):
            yield name, setting


def changed_variables(before: Inventory, after: Inventory) -> Mapping[str, Variable]:
    """Return the variables whose values are new or others than before."""
    return {
        name: one
        for name, one in after.variables.items()
        if one.value is not None and _value(before, name) != one.value
    }


def _value(inventory: Inventory, name: str) -> object:
    found = inventory.variables.get(name)
    return found.value if found is not None else None
