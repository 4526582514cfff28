"""What the services of a deployment can do, from their versions and mounted files.

A version that cannot be told (``latest``, a digest) counts as current: the predicted proof and the
probes decide then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind, Service, Version

KNOWS_KEYS_SINCE: Final[dict[Kind, Version]] = {
    Kind.AUTH: (2, 157, 0),
    Kind.REALTIME: (2, 30, 23),
    Kind.STORAGE: (0, 46, 0),
}
"""Auth: #1674 (July 2024); Realtime: #1121 (August 2024); Storage: #407 (January 2024)."""
URL_KEY_SINCE: Final[Version] = (1, 25, 0)
"""Storage signs URLs with ``urlSigningKey`` of its JWKS (#649, April 2025; measured at 1.7x)."""
_OPAQUE: Final = ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY")
ASYMMETRIC: Final = ("ANON_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY_ASYMMETRIC")


@dataclass(frozen=True, slots=True)
class TooOld:
    """A service that cannot verify (or sign) with asymmetric keys."""

    service: Service
    since: Version

    @property
    def sentence(self) -> str:
        """Return what is wrong and what to do."""
        has = ".".join(map(str, self.service.version or ()))
        needs = ".".join(map(str, self.since))
        return f"{self.service.name} is {has}; asymmetric keys need at least {needs}."


def too_old(inventory: Inventory) -> tuple[TooOld, ...]:
    """Return the services whose version is known to be too old for asymmetric keys."""
    found = []
    for kind, since in KNOWS_KEYS_SINCE.items():
        service = inventory.of_kind(kind)
        if service is not None and service.version is not None and service.version < since:
            found.append(TooOld(service, since))
    return tuple(found)


def has_url_key(inventory: Inventory) -> bool:
    """Whether Storage can be given a key of its own for signed URLs."""
    storage = inventory.of_kind(Kind.STORAGE)
    if storage is None:
        return False
    return storage.version is None or storage.version >= URL_KEY_SINCE


def takes_opaque_keys(inventory: Inventory) -> bool:
    """Whether the gateway knows ``sb_`` keys and puts an ES256 token in their place.

    Its container must get the variables, and its files must use them: an old ``kong.yml`` under a
    new image does not.
    """
    gateway = inventory.gateway
    if gateway is None or not all(name in gateway.settings for name in (*_OPAQUE, *ASYMMETRIC)):
        return False
    texts = [one.text for one in gateway.documents if one.text]
    return not texts or any(name in text for text in texts for name in _OPAQUE)
