"""Which API keys a gateway accepts, several per role at once, and the token behind each.

The official files know one publishable and one secret key. A variable whose name continues the
official one (``SUPABASE_SECRET_KEY_PREVIOUS``, ``SUPABASE_PUBLISHABLE_KEY_MOBILE``) is one more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy.inventory import Inventory, Service
from keyturn.deploy.opened import text
from keyturn.deploy.render_file import CannotRender

LEGACY: Final = (
    ("anon", ("ANON_KEY", "SUPABASE_ANON_KEY")),
    ("service_role", ("SERVICE_ROLE_KEY", "SUPABASE_SERVICE_KEY")),
)
OPAQUE: Final = (
    ("anon", "SUPABASE_PUBLISHABLE_KEY", "ANON_KEY_ASYMMETRIC", "sb_publishable_"),
    ("service_role", "SUPABASE_SECRET_KEY", "SERVICE_ROLE_KEY_ASYMMETRIC", "sb_secret_"),
)
_FIT: Final = re.compile(r"[A-Za-z0-9_.~+/=-]{8,4096}")
"""What stands between quotes of Lua and of YAML, and in a header, without any escaping."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One API key."""

    name: str
    """The variable it comes from."""
    role: str
    value: str = field(repr=False)
    jwt: str = field(repr=False)
    """What services get in its place; a legacy key is its own."""
    opaque: bool


def accepted_keys(inventory: Inventory) -> tuple[Accepted, ...]:
    """Return every key, the service role's first; legacy keys count while they are not empty.

    Raises :class:`CannotRender` for an ``sb_`` key without a token behind it, for one key in two
    roles, and for a value that is no key.
    """
    gateway = inventory.gateway
    if gateway is None:
        raise CannotRender("This deployment has no gateway.", hint="Envoy or Kong is needed.")
    found = (*_opaque(inventory, gateway), *_legacy(gateway))
    for one in found:
        if not _FIT.fullmatch(one.value) or not _FIT.fullmatch(one.jwt):
            raise CannotRender(f"{one.name} holds characters that no API key or token has.")
    roles: dict[str, Accepted] = {}
    for one in found:
        other = roles.setdefault(one.value, one)
        if other.role != one.role:
            raise CannotRender(f"{one.name} and {other.name} are the same key in two roles.")
    return tuple(sorted(roles.values(), key=lambda one: one.role != "service_role"))


def _legacy(gateway: Service) -> Iterator[Accepted]:
    for role, names in LEGACY:
        value = next((found for name in names if (found := text(gateway.value(name)))), None)
        if value:
            yield Accepted(names[0], role, value, value, opaque=False)


def _opaque(inventory: Inventory, gateway: Service) -> Iterator[Accepted]:
    for role, official, token, prefix in OPAQUE:
        jwt = text(gateway.value(token)) or text(inventory.variable(token)) or ""
        named = {official: text(gateway.value(official)) or ""}
        named |= dict(_more(inventory, gateway, official))
        for name, value in named.items():
            if not value:
                continue
            if name != official and not value.startswith(prefix):
                raise CannotRender(f"{name} does not begin with {prefix}.")
            if not jwt:
                raise CannotRender(
                    f"{name} has no token behind it: {token} is empty.",
                    hint="Phase 1 makes one: keyturn render … --phase 1.",
                )
            yield Accepted(name, role, value, jwt, opaque=True)


def _more(inventory: Inventory, gateway: Service, official: str) -> Iterator[tuple[str, str]]:
    """Yield the keys beyond the official one, from the env files or the gateway's settings."""
    for name, variable in inventory.variables.items():
        own = name.rpartition("/")[2]
        if own.startswith(f"{official}_"):
            yield own, text(variable) or ""
    for name, setting in gateway.settings.items():
        if name.startswith(f"{official}_"):
            yield name, text(setting) or ""
