"""The texts behind settings, for those who must judge them; nobody may show one.

An import contract lists who may read here: profiles, doctor, migrate and the adapters.
"""

from __future__ import annotations

from keyturn.deploy.setting import Setting, Variable
from keyturn.secret import Secret
from keyturn.secret_access import reveal


def text(held: Setting | Variable | Secret | None) -> str | None:
    """Return the value as text, None where there is none; broken UTF-8 becomes U+FFFD."""
    value = held if isinstance(held, Secret | None) else held.value
    return None if value is None else reveal(value).decode("utf-8", "replace")


def raw(held: Secret) -> bytes:
    """Return the exact bytes, for those who write them back or compare them."""
    return reveal(held)
