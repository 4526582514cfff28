"""Keys in files of any form, for the commands that need no ring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyturn.cli import handover
from keyturn.errors import UsageError

if TYPE_CHECKING:
    from keyturn.jose.forms import HeldKey


def read_held(
    source: str, *, alg: str | None = None, kid: str | None = None, pick: str | None = None
) -> tuple[HeldKey, ...]:
    """Return the keys in the file ``source`` (``-`` is stdin), or the one named ``pick``.

    Raises ``UnusableKey`` or another ``UsageError``; nothing that was read is quoted.
    """
    from keyturn.jose import forms

    secret = handover.value_of_line(handover.read_secret(source))
    held = handover.usable(lambda: forms.read(secret, alg=alg, kid=kid))
    if pick is None:
        return held.keys
    chosen = tuple(one for one in held.keys if one.key.kid == pick)
    if not chosen:
        names = ", ".join(one.key.kid or "a key without a name" for one in held.keys)
        raise UsageError(f"there is no key {pick!r} among: {names}")
    return chosen
