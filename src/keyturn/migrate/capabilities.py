"""What the services of a deployment can do, from their versions and mounted files.

A version that cannot be told (``latest``, a digest) counts as current: the predicted proof and the
probes decide then.
"""

from __future__ import annotations

import json
from typing import Final

from keyturn.deploy.inventory import Inventory, Kind, Version
from keyturn.deploy.opened import text

URL_KEY_SINCE: Final[Version] = (1, 25, 0)
"""Storage signs URLs with ``urlSigningKey`` of its JWKS (#649, April 2025; measured at 1.7x)."""
_STORAGE_SET: Final = "JWT_JWKS"
_OPAQUE: Final = ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY")
ASYMMETRIC: Final = ("ANON_KEY_ASYMMETRIC", "SERVICE_ROLE_KEY_ASYMMETRIC")


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


def url_signing_key(inventory: Inventory) -> dict[str, object] | None:
    """Return the key with which Storage signs URLs today, None when it has none of its own."""
    storage = inventory.of_kind(Kind.STORAGE)
    if storage is None:
        return None
    try:
        document = json.loads(text(storage.get(_STORAGE_SET)) or "")
    except ValueError:
        return None
    key = document.get("urlSigningKey") if isinstance(document, dict) else None
    return key if isinstance(key, dict) else None
