"""Pwned Passwords by its range API: five digits of a SHA-1 go out, all its suffixes come back.

The service learns neither the password nor its hash; padding hides the length of the answer.
"""

from __future__ import annotations

import hashlib
from typing import Final

from keyturn.adapters.steady_clock import steady
from keyturn.errors import Unreachable
from keyturn.flows.ports.http import HttpClient

HIBP: Final = "https://api.pwnedpasswords.com"
_PREFIX: Final = 5
_OK: Final = 200
_SUFFIX: Final = 35
_REMEMBERED: Final = 256
_FRESH_SECONDS: Final = 3600.0


class PwnedPasswords:
    """Implements :class:`keyturn.flows.ports.guards.LeakedPasswords`; ranges are kept an hour."""

    def __init__(self, http: HttpClient, user_agent: str, url: str = HIBP) -> None:
        self._http = http
        self._user_agent = user_agent
        self._url = url
        self._kept: dict[str, tuple[float, frozenset[str]]] = {}

    async def known(self, password: str) -> bool:
        """Tell whether ``password`` has leaked; raises ``Unreachable``."""
        raw = password.encode("utf-8", "replace")
        digest = hashlib.sha1(raw, usedforsecurity=False).hexdigest().upper()
        return digest[_PREFIX:] in await self._range(digest[:_PREFIX])

    async def _range(self, prefix: str) -> frozenset[str]:
        until, suffixes = self._kept.get(prefix, (0.0, frozenset[str]()))
        if steady() < until:
            return suffixes
        headers = {"user-agent": self._user_agent, "add-padding": "true"}
        answer = await self._http.send("GET", f"{self._url}/range/{prefix}", headers=headers)
        if answer.status != _OK:
            raise Unreachable(f"The service of leaked passwords answered {answer.status}.")
        suffixes = _suffixes(answer.body.decode("ascii", "replace"))
        if len(self._kept) >= _REMEMBERED:
            self._kept.pop(next(iter(self._kept)))
        self._kept[prefix] = steady() + _FRESH_SECONDS, suffixes
        return suffixes


def _suffixes(text: str) -> frozenset[str]:
    """Read ``SUFFIX:COUNT`` lines; those with the count 0 are padding."""
    pairs = (line.strip().partition(":") for line in text.splitlines())
    return frozenset(
        suffix.upper() for suffix, _, count in pairs if len(suffix) == _SUFFIX and count != "0"
    )
