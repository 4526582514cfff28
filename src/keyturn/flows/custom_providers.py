"""Providers that administrators add, change and remove by API; and finding any provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from keyturn.accounts import custom_providers as rules
from keyturn.accounts.custom_providers import CustomProvider
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import storable, uuid4_from
from keyturn.accounts.provider_rows import PROVIDERS
from keyturn.accounts.providers import Provider, unsupported
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.custom_providers import KeptProvider
from keyturn.secret import Secret

_FIXED: Final = frozenset({"id", "identifier", "provider_type"})


async def find(plane: AuthPlane, name: str) -> Provider:
    """Return the provider ``name``, of the table or custom.

    Raises ``validation_failed`` unless it is there and on.
    """
    settings = plane.settings.external
    if not name.startswith(rules.PREFIX) or not settings.custom_enabled:
        return settings.find(PROVIDERS, name)
    kept = await plane.custom_providers.find(name) if storable(name) else None
    if kept is None:
        raise unsupported(f"Provider {name[:64]} could not be found")
    if not kept.row.enabled:
        raise unsupported("provider is not enabled")
    secret = plane.columns.open(kept.row.id, kept.stored_secret)
    if secret is None:
        raise refuse("column_unreadable")
    return rules.provider_of(kept.row, Secret(secret))


def require_enabled(plane: AuthPlane) -> None:
    """Raise ``custom_providers_off`` unless custom providers may be managed."""
    if not plane.settings.external.custom_enabled:
        raise refuse("custom_providers_off")


async def create(plane: AuthPlane, wanted: CustomProvider, secret: str) -> KeptProvider:
    """Add a provider; raises ``validation_failed``, ``custom_provider_exists``, the quota."""
    row = msgspec.structs.replace(wanted, id=uuid4_from(plane.entropy(16)))
    rules.check(row)
    if not secret or not storable(secret):
        raise refuse("validation_failed", "client_secret is required")
    most = plane.settings.external.most_custom
    sealed = plane.columns.seal(row.id, secret)
    return await plane.custom_providers.create(row, sealed, most, plane.clock())


async def get(plane: AuthPlane, identifier: str) -> KeptProvider:
    """Return one; raises ``custom_provider_not_found``."""
    return _there(await plane.custom_providers.find(identifier) if storable(identifier) else None)


async def list_all(plane: AuthPlane) -> list[KeptProvider]:
    """Return all, oldest first."""
    return await plane.custom_providers.list()


async def change(
    plane: AuthPlane, identifier: str, members: Mapping[str, object], secret: str
) -> KeptProvider:
    """Change the given members; its name in the API and its kind stay.

    Raises ``custom_provider_not_found`` and ``validation_failed``.
    """
    kept = await get(plane, identifier)
    given = {name: value for name, value in members.items() if name not in _FIXED}
    row = msgspec.structs.replace(kept.row, **given)
    rules.check(row)
    stored = kept.stored_secret
    if secret:
        stored = plane.columns.seal(row.id, secret)
    return _there(await plane.custom_providers.change(row, stored, plane.clock()))


async def delete(plane: AuthPlane, identifier: str) -> None:
    """Remove one; its users keep their accounts. Raises ``custom_provider_not_found``."""
    await get(plane, identifier)
    if not await plane.custom_providers.delete(identifier):
        raise refuse("custom_provider_not_found")


def _there(kept: KeptProvider | None) -> KeptProvider:
    if kept is None:
        raise refuse("custom_provider_not_found")
    return kept
