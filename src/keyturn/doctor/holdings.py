"""Which service holds which keys, and under which name: what the rules ask the inventory.

The names are those of services.md §1 (compose of February 2023 to September 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from keyturn.deploy.edit import Edit
from keyturn.deploy.inventory import Document, Inventory, Kind, Layout, Service
from keyturn.deploy.opened import text
from keyturn.deploy.place import Place
from keyturn.deploy.setting import Setting
from keyturn.doctor.credentials import Jwk, Jwt, KeyDocument, Shape, is_opaque, read_jwt, read_keys

SECRETS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.AUTH: ("GOTRUE_JWT_SECRET",),
    Kind.REST: ("PGRST_JWT_SECRET",),
    Kind.REALTIME: ("API_JWT_SECRET",),
    Kind.STORAGE: ("AUTH_JWT_SECRET", "PGRST_JWT_SECRET"),
    Kind.FUNCTIONS: ("JWT_SECRET",),
}
"""The settings with which a service verifies HS256; the first one set counts."""

KEY_SETS: Final[Mapping[Kind, str]] = {
    Kind.REST: "PGRST_JWT_SECRET",
    Kind.REALTIME: "API_JWT_JWKS",
    Kind.STORAGE: "JWT_JWKS",
    Kind.FUNCTIONS: "SUPABASE_JWKS",
}
"""The setting with the JWKS of each verifier but Auth, which has ``GOTRUE_JWT_KEYS``."""

AUTH_KEYS: Final = "GOTRUE_JWT_KEYS"
ANON, SERVICE_ROLE = "anon", "service_role"

_API_KEYS: Final[Mapping[str, str]] = {
    "ANON_KEY": ANON,
    "SUPABASE_ANON_KEY": ANON,
    "ANON_KEY_ASYMMETRIC": ANON,
    "SERVICE_KEY": SERVICE_ROLE,
    "SERVICE_ROLE_KEY": SERVICE_ROLE,
    "SUPABASE_SERVICE_KEY": SERVICE_ROLE,
    "SUPABASE_SERVICE_ROLE_KEY": SERVICE_ROLE,
    "SERVICE_ROLE_KEY_ASYMMETRIC": SERVICE_ROLE,
}
"""Settings that hold an API key in the form of a JWT, and the role that it must name."""

_LEGACY_NAMES: Final = (
    "ANON_KEY",
    "SUPABASE_ANON_KEY",
    "SERVICE_ROLE_KEY",
    "SUPABASE_SERVICE_KEY",
)
_LITERAL_KEY: Final = re.compile(r"^\s*- key:\s*[\"']?([A-Za-z0-9_.-]{20,})", re.MULTILINE)

OPAQUE_PAIR: Final = ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY")
ASYMMETRIC_PAIR: Final = ("ANON_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY_ASYMMETRIC")


@dataclass(frozen=True, slots=True)
class Held:
    """A key document in the hands of one service."""

    kind: Kind
    service: Service
    setting: Setting
    document: KeyDocument = field(repr=False)

    @property
    def name(self) -> str:
        """Return ``service NAME``: how a sentence speaks of it."""
        return f"{self.setting.name} of {self.service.name}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A JWT that serves as an API key, with every place that holds this same text."""

    role: str
    """The role that the setting's name promises."""
    jwt: Jwt | None
    """None: it is not a JWT."""
    text: str = field(repr=False)
    name: str
    """The variable in ``.env`` where there is one, else the setting."""
    service: str
    places: tuple[Place, ...]


def place_of(setting: Setting) -> Place:
    """Return where a change of the value belongs: the variable's line, else the setting's."""
    return setting.changed_at[1]


def places_of(*settings: Setting | None) -> tuple[Place, ...]:
    """Return the places of ``settings``, the variable before the line that uses it, each once."""
    found: dict[Place, None] = {}
    for setting in settings:
        if setting is not None:
            found[place_of(setting)] = None
            found[setting.place] = None
    return tuple(found)


def named(setting: Setting) -> str:
    """Return the name under which a user would change the value."""
    return setting.changed_at[0]


def auth_keys(inventory: Inventory) -> Held | None:
    """Return what ``GOTRUE_JWT_KEYS`` holds, None when Auth does not get it."""
    return _held(inventory, Kind.AUTH, AUTH_KEYS)


def key_sets(inventory: Inventory) -> tuple[Held, ...]:
    """Return the JWKS of every verifier that gets one; a plain secret of PostgREST is none."""
    held = (_held(inventory, kind, name) for kind, name in KEY_SETS.items())
    return tuple(
        one
        for one in held
        if one is not None and not (one.kind is Kind.REST and not holds_json(one.document))
    )


def key_set(inventory: Inventory, kind: Kind) -> Held | None:
    """Return the JWKS of the verifier ``kind``, None when it gets none."""
    return next((one for one in key_sets(inventory) if one.kind is kind), None)


def holds_json(document: KeyDocument) -> bool:
    """Whether the text is meant as JSON, be it broken or not."""
    return document.shape not in (Shape.TEXT, Shape.EMPTY)


def secret_setting(inventory: Inventory, kind: Kind) -> Setting | None:
    """Return the setting with the secret that ``kind`` verifies HS256 with, None without one."""
    service = inventory.of_kind(kind)
    if service is None:
        return None
    for name in SECRETS[kind]:
        setting = service.get(name)
        if setting is not None and setting.is_set:
            value = text(setting) or ""
            other = kind is Kind.REST and (value.startswith("@") or holds_json(read_keys(value)))
            return None if other else setting
    return None


def secret_of(inventory: Inventory, kind: Kind) -> bytes | None:
    """Return the secret that ``kind`` verifies HS256 with."""
    return octets(secret_setting(inventory, kind))


def legacy_setting(inventory: Inventory) -> Setting | None:
    """Return the setting that holds the deployment's JWT_SECRET: Auth's, else another's."""
    for kind in SECRETS:
        setting = secret_setting(inventory, kind)
        if setting is not None:
            return setting
    return None


def octets(setting: Setting | None) -> bytes | None:
    """Return the bytes of a setting's text, None when it has none."""
    value = text(setting) if setting is not None else None
    return value.encode() if value else None


def signing_key(inventory: Inventory) -> Jwk | None:
    """Return the asymmetric key that Auth signs with, None while it signs HS256."""
    held = auth_keys(inventory)
    key = held.document.signing if held is not None else None
    return key if key is not None and key.is_asymmetric else None


def asymmetric_api_jwts(inventory: Inventory) -> tuple[Setting, ...]:
    """Return the gateway's ES256 API keys that it puts in place of ``sb_`` keys."""
    gateway = inventory.gateway
    if gateway is None:
        return ()
    return tuple(s for name in ASYMMETRIC_PAIR if (s := gateway.get(name)) and s.is_set)


def es256_in_use(inventory: Inventory) -> bool:
    """Whether ES256 tokens reach the verifiers: from Auth, or from the gateway for sb_ keys."""
    return signing_key(inventory) is not None or bool(asymmetric_api_jwts(inventory))


def opaque_keys(inventory: Inventory) -> tuple[Setting, ...]:
    """Return the gateway's ``sb_`` keys."""
    gateway = inventory.gateway
    if gateway is None:
        return ()
    return tuple(s for name in OPAQUE_PAIR if (s := gateway.get(name)) and s.is_set)


def api_keys(inventory: Inventory) -> tuple[ApiKey, ...]:
    """Return every API key in the form of a JWT, each text once, in the order of the files."""
    found: dict[tuple[str, str], ApiKey] = {}
    for service in inventory.services.values():
        if service.kind is None:
            continue
        for setting in service.settings.values():
            role = _API_KEYS.get(setting.name)
            value = text(setting) if setting.is_set else None
            swapped = setting.name in ASYMMETRIC_PAIR  # what stands there must be a JWT
            if role is None or not value or (is_opaque(value) and not swapped):
                continue
            entry = ApiKey(
                role, read_jwt(value), value, named(setting), service.name, places_of(setting)
            )
            found.setdefault((role, value), entry)
    return tuple(found.values())


def legacy_keys(inventory: Inventory) -> tuple[ApiKey, ...]:
    """Return the API keys that are HS256 tokens."""
    return tuple(key for key in api_keys(inventory) if key.jwt and key.jwt.alg == "HS256")


def accepted_legacy(inventory: Inventory) -> tuple[Setting, ...]:
    """Return the gateway's settings that make it accept a legacy API key."""
    gateway = inventory.gateway
    if gateway is None:
        return ()
    found = (gateway.get(name) for name in _LEGACY_NAMES)
    return tuple(s for s in found if s and (jwt := read_jwt(text(s))) and jwt.alg == "HS256")


def accepted_keys(inventory: Inventory) -> frozenset[str]:
    """Return every text that the gateway takes as ``apikey``, opaque and legacy."""
    gateway = inventory.gateway
    if gateway is None:
        return frozenset()
    values = (text(gateway.get(name)) for name in (*_LEGACY_NAMES, *OPAQUE_PAIR))
    return frozenset(value for value in values if value) | frozenset(literal_keys(inventory))


def literal_keys(inventory: Inventory) -> tuple[str, ...]:
    """Return the keys that stand as such in Kong's declarative file, as in 2022 and 2023."""
    return tuple(
        key for one in gateway_documents(inventory) for key in _LITERAL_KEY.findall(one.text or "")
    )


def legacy_gone(inventory: Inventory) -> bool:
    """Whether neither Auth nor PostgREST has the legacy secret as a key any more."""
    held = (auth_keys(inventory), key_set(inventory, Kind.REST))
    return all(
        one is not None and one.document.asymmetric and not one.document.symmetric for one in held
    )


def document(service: Service | None, *endings: str) -> Document | None:
    """Return the first mounted file of ``service`` that could be read and ends like one given."""
    if service is None:
        return None
    for one in service.documents:
        if one.text is not None and (one.path.endswith(endings) or one.target.endswith(endings)):
            return one
    return None


def gateway_documents(inventory: Inventory) -> tuple[Document, ...]:
    """Return the gateway's configuration files that could be read and that hold routes."""
    gateway = inventory.gateway
    if gateway is None:
        return ()
    return tuple(one for one in gateway.documents if one.text and "/auth/v1" in one.text)


def serves_jwks(routes: str) -> bool:
    """Whether a gateway's routes lead to the JWKS: by its path, or by the folder that it is in."""
    return "jwks.json" in routes or "/auth/v1/.well-known/" in routes


def main_script(inventory: Inventory) -> Document | None:
    """Return the main script of Edge Functions, None when it is not there to be read."""
    return document(inventory.of_kind(Kind.FUNCTIONS), "main/index.ts", "main/index.js")


def is_true(service: Service | None, name: str) -> bool:
    """Whether the setting ``name`` says true."""
    value = text(service.get(name)) if service is not None else None
    return (value or "").strip().lower() in ("true", "1", "yes")


def compose_only(inventory: Inventory, *edits: Edit) -> tuple[Edit, ...]:
    """Return ``edits`` for a Compose deployment; a manifest is changed where it was exported."""
    return edits if inventory.layout is Layout.COMPOSE else ()


def listed(items: Iterable[str]) -> str:
    """Return ``a, b and c``."""
    names = list(items)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _held(inventory: Inventory, kind: Kind, name: str) -> Held | None:
    service = inventory.of_kind(kind)
    setting = service.get(name) if service is not None else None
    if service is None or setting is None:
        return None
    return Held(kind, service, setting, read_keys(_content(service, text(setting))))


def _content(service: Service, value: str | None) -> str | None:
    """Return the value, or for ``@/path`` (PostgREST) what stands in the mounted file."""
    if value is None or not value.startswith("@"):
        return value
    mounted = (one.text for one in service.documents if one.target == value[1:])
    return next((found for found in mounted if found is not None), value)


def is_elsewhere(inventory: Inventory, kind: Kind) -> bool:
    """Whether ``kind`` reads its keys from a file that could not be looked at."""
    service = inventory.of_kind(kind)
    setting = service.get(KEY_SETS[kind]) if service is not None else None
    value = text(setting) if setting is not None else None
    unseen = service is not None and _content(service, value) == value
    return bool(value) and value is not None and value.startswith("@") and unseen


def key_documents(inventory: Inventory) -> tuple[Held, ...]:
    """Return every setting that holds keys: Auth's and the verifiers'."""
    own = auth_keys(inventory)
    return (() if own is None else (own,)) + key_sets(inventory)


def shared(held: Iterable[Held]) -> tuple[tuple[Held, ...], ...]:
    """Return ``held`` grouped by the line that a fix would change: one variable, one finding."""
    groups: dict[tuple[Place, str | None], list[Held]] = {}
    for one in held:
        groups.setdefault((place_of(one.setting), text(one.setting)), []).append(one)
    return tuple(tuple(group) for group in groups.values())


def holders(group: Iterable[Held]) -> str:
    """Return the services of a group, for a sentence."""
    return listed(one.service.name for one in group)


def places_of_group(group: Iterable[Held]) -> tuple[Place, ...]:
    """Return the places of a group: the variable first, then each line that uses it."""
    return places_of(*(one.setting for one in group))


KEY_VARIABLES: Final = (
    "JWT_SECRET",
    "ANON_KEY",
    "SERVICE_ROLE_KEY",
    "JWT_KEYS",
    "JWT_JWKS",
    *OPAQUE_PAIR,
    *ASYMMETRIC_PAIR,
)
"""The variables of ``.env`` that carry keys in the official layout."""
