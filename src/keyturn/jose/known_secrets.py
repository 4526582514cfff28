"""Shared secrets that everybody knows: whoever verifies with one accepts tokens of anybody.

They stand in examples and defaults that are copied into deployments. Kept as SHA-256, so that this
file is not one more place to copy them from.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from keyturn.secret import Secret
from keyturn.secret_access import reveal

_KNOWN: Final = {
    "a064b502e61d27e94b8717290e5e1b32e36720e9fbdf952ec81a84c07128cb37": (
        "the local development stack of the Supabase CLI"
    ),
    "1453cea2dc3799e9026e42b3e465e455256d5a149582e4c5b92d4c8d604731a2": (
        "the .env.example of self-hosted Supabase"
    ),
    "f7d838701b86c5dfb57bf95fbc5ce6df204cfc9f15ad6cdb39fd22f8776e47b6": ("the debugger of jwt.io"),
    "465d9ad5d5528ebe287b5dce4fb51620833d09b290e49ddcc70ca6c4a0aea01b": ("the debugger of jwt.io"),
    "fd4dec75abc2df7e4f8776e246ce733d29690230695c4ce8ea7a207eb3a939ab": (
        "the tutorials of PostgREST"
    ),
}


def where_it_is_known_from(secret: Secret) -> str | None:
    """Return who publishes ``secret``, or None when it is not known to be published."""
    return _KNOWN.get(sha256(reveal(secret)).hexdigest())
