"""Since which version a service can read asymmetric keys: one table for doctor and for migrate.

PostgREST is not in it: every version that a Supabase folder ever named reads a JWKS. Edge Functions
are not either: what they know stands in the mounted main script, not in the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind, Service, Version

KNOWS_KEYS_SINCE: Final[Mapping[Kind, Version]] = {
    Kind.AUTH: (2, 157, 0),
    Kind.REALTIME: (2, 30, 23),
    Kind.STORAGE: (0, 46, 0),
}
"""Auth: #1674 (July 2024); Realtime: #1121 (August 2024); Storage: #407 (January 2024)."""


@dataclass(frozen=True, slots=True)
class TooOld:
    """A service that cannot verify (or sign) with asymmetric keys."""

    service: Service
    since: Version

    @property
    def versions(self) -> str:
        """Return the service, its version and the one it needs."""
        has, needs = _dotted(self.service.version or ()), _dotted(self.since)
        return f"{self.service.name} {has} (needs {needs})"

    @property
    def sentence(self) -> str:
        """Return what is wrong and what is needed."""
        has, needs = _dotted(self.service.version or ()), _dotted(self.since)
        return f"{self.service.name} is {has}; asymmetric keys need at least {needs}."


def too_old(inventory: Inventory) -> tuple[TooOld, ...]:
    """Return the services whose version is known to be too old for asymmetric keys.

    A version that cannot be told (``latest``, a digest) counts as current.
    """
    found = []
    for kind, since in KNOWS_KEYS_SINCE.items():
        service = inventory.of_kind(kind)
        if service is not None and service.version is not None and service.version < since:
            found.append(TooOld(service, since))
    return tuple(found)


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
