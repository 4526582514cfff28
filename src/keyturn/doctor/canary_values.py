"""Where a deployment keeps the API keys and signing keys that canaries are made of.

Services are asked first, the gateway before all, for what they get is what counts; a variable that
no service is given comes last. Names: services.md §1 for Envoy, Kong, Studio, Functions, Storage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.deploy.opened import text
from keyturn.deploy.setting import Setting, Variable
from keyturn.jose.errors import JoseError, Malformed
from keyturn.jose.jwt import peek
from keyturn.jose.keys import (
    SigningKey,
    signing_key_from_jwk,
    signing_key_from_pem,
    signing_key_from_secret,
)
from keyturn.secret import Secret


@dataclass(frozen=True, slots=True)
class Row:
    """Where one value may stand, in the order of looking."""

    settings: tuple[tuple[Kind, str], ...]
    variable: str
    member_of: tuple[Kind, str] | None = None
    """A setting with a JSON object of named keys, of which ``default`` is meant."""


ANON: Final = Row(
    (
        (Kind.ENVOY, "ANON_KEY"),
        (Kind.KONG, "SUPABASE_ANON_KEY"),
        (Kind.STUDIO, "SUPABASE_ANON_KEY"),
        (Kind.FUNCTIONS, "SUPABASE_ANON_KEY"),
        (Kind.STORAGE, "ANON_KEY"),
    ),
    "ANON_KEY",
)
SERVICE_ROLE: Final = Row(
    (
        (Kind.ENVOY, "SERVICE_ROLE_KEY"),
        (Kind.KONG, "SUPABASE_SERVICE_KEY"),
        (Kind.STUDIO, "SUPABASE_SERVICE_KEY"),
        (Kind.FUNCTIONS, "SUPABASE_SERVICE_ROLE_KEY"),
        (Kind.STORAGE, "SERVICE_KEY"),
    ),
    "SERVICE_ROLE_KEY",
)
PUBLISHABLE: Final = Row(
    (
        (Kind.ENVOY, "SUPABASE_PUBLISHABLE_KEY"),
        (Kind.KONG, "SUPABASE_PUBLISHABLE_KEY"),
        (Kind.STUDIO, "SUPABASE_PUBLISHABLE_KEY"),
    ),
    "SUPABASE_PUBLISHABLE_KEY",
    (Kind.FUNCTIONS, "SUPABASE_PUBLISHABLE_KEYS"),
)
SECRET: Final = Row(
    (
        (Kind.ENVOY, "SUPABASE_SECRET_KEY"),
        (Kind.KONG, "SUPABASE_SECRET_KEY"),
        (Kind.STUDIO, "SUPABASE_SECRET_KEY"),
    ),
    "SUPABASE_SECRET_KEY",
    (Kind.FUNCTIONS, "SUPABASE_SECRET_KEYS"),
)
JWT_KEYS: Final = Row(((Kind.AUTH, "GOTRUE_JWT_KEYS"),), "JWT_KEYS")
JWT_SECRET: Final = Row(((Kind.AUTH, "GOTRUE_JWT_SECRET"),), "JWT_SECRET")


def find(inventory: Inventory, row: Row) -> str | None:
    """Return the first value of ``row`` that is not empty."""
    return next(_values(inventory, row), None)


def find_legacy(inventory: Inventory, row: Row) -> str | None:
    """Return the first value of ``row`` that is not a JWT of an asymmetric key.

    Some deployments hand ``ANON_KEY_ASYMMETRIC`` to a service under the old name.
    """
    return next((value for value in _values(inventory, row) if not _is_asymmetric(value)), None)


def user_keys(inventory: Inventory) -> tuple[SigningKey, ...]:
    """Return the asymmetric private keys of ``JWT_KEYS``, the one that signs first.

    Raises ``ValueError`` with a sentence when the text is not an array of keys. A key that cannot
    be read is left out: Auth's own reading of the array is the profiles' business.
    """
    found = find(inventory, JWT_KEYS)
    if found is None:
        return ()
    elements = _elements(found)
    signs_first = sorted(elements, key=lambda element: not _signs(element))
    return tuple(key for key in map(_key, signs_first) if key is not None)


def shared_key(inventory: Inventory) -> SigningKey | None:
    """Return the HS256 key of ``JWT_SECRET``, which names no ``kid``."""
    found = find(inventory, JWT_SECRET)
    if found is None:
        return None
    return signing_key_from_secret(Secret(found), kid=None, allow_short=True)


def setting(inventory: Inventory, kind: Kind, name: str) -> str | None:
    """Return a setting's text when it is set and not empty."""
    service = inventory.of_kind(kind)
    return (text(service.get(name)) or None) if service else None


def _values(inventory: Inventory, row: Row) -> Iterator[str]:
    held: Iterable[Setting | Variable | None] = (
        *(
            service.get(name)
            for kind, name in row.settings
            if (service := inventory.of_kind(kind)) is not None
        ),
        inventory.variable(row.variable),
    )
    for one in held:
        if value := text(one):
            yield value
    if row.member_of and (value := _default_of(setting(inventory, *row.member_of))):
        yield value


def _default_of(document: str | None) -> str | None:
    """Return the key called ``default`` of ``{"default":"sb_publishable_…"}``."""
    try:
        keys = json.loads(document or "null")
    except ValueError:
        return None
    found = keys.get("default") if isinstance(keys, dict) else None
    return found if isinstance(found, str) else None


def _is_asymmetric(value: str) -> bool:
    try:
        return not str(peek(value).header.get("alg")).startswith("HS")
    except Malformed:
        return False


def _elements(found: str) -> list[Mapping[str, object]]:
    try:
        parsed = json.loads(found)
    except (ValueError, RecursionError):
        raise ValueError("JWT_KEYS is not JSON") from None
    if not isinstance(parsed, list):
        raise ValueError("JWT_KEYS is not an array of keys")
    return [element for element in parsed if isinstance(element, dict)]


def _signs(element: Mapping[str, object]) -> bool:
    operations = element.get("key_ops")
    return isinstance(operations, list) and "sign" in operations


def _key(element: Mapping[str, object]) -> SigningKey | None:
    try:
        if isinstance(pem := element.get("private_key"), str):
            return _article_key(pem, element)
        key = signing_key_from_jwk(element)
    except JoseError:
        return None
    return None if key.verifying_key().is_symmetric else key


def _article_key(pem: str, element: Mapping[str, object]) -> SigningKey:
    """Read ``{"alg", "key_id", "private_key": PEM}``, a form that guides show and GoTrue refuses.

    Auth does not start with it; the token shows what the verifiers would do.
    """
    alg, kid = element.get("alg"), element.get("key_id")
    return signing_key_from_pem(
        pem.encode(),
        alg if isinstance(alg, str) else None,
        kid=kid if isinstance(kid, str) and kid else None,
    )
