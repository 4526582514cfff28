"""The API keys of a local stack in clear text: one 0600 file in the data folder.

`keyturn up` prints them at each start; nothing else of Keyturn keeps an API key's text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from keyturn.adapters.files import write_private
from keyturn.wiring.locations import Locations

NAMES: Final = ("publishable_key", "secret_key", "anon_key", "service_role_key")


def read_local_keys(where: Locations) -> dict[str, str]:
    """Return name → key for those that the file holds; empty when there is no readable file."""
    try:
        document = json.loads(where.api_keys.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {name: document[name] for name in NAMES if isinstance(document.get(name), str)}


def write_local_keys(where: Locations, keys: Mapping[str, str]) -> None:
    """Replace the file (0600, atomically)."""
    kept = {name: keys[name] for name in NAMES if name in keys}
    write_private(where.api_keys, json.dumps(kept, indent=2).encode() + b"\n")
