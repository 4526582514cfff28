"""What the glue needs of its surroundings: something that verifies tokens, and plain ASGI.

:class:`keyturn.Verifier` is a :class:`VerifiesTokens`; so is anything else with its two methods.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

Claims = Mapping[str, object]
"""The claims of a verified token: read-only, and made by a verifier only."""

# The ASGI specification's own words (asgi.readthedocs.io, version 3).
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class VerifiesTokens(Protocol):
    """Turns a token into claims, or raises.

    Both methods raise :class:`keyturn.jose.errors.TokenRejected` for any token that is not
    accepted, and another :class:`keyturn.errors.KeyturnError` when they cannot tell (no keys).
    """

    async def verify(self, token: str) -> Claims:
        """Return the claims of ``token``."""
        ...

    def verify_now(self, token: str) -> Claims:
        """Return the claims of ``token`` without an event loop; may block to fetch keys."""
        ...
