"""One request and one reply, as thin as they can be: what every handler gets and gives.

Headers are latin-1 text (RFC 9110 §5.5); of a repeated header the first value counts, as in Go's
``Header.Get``. A body is read once and never beyond its limit.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from keyturn.authserver.problems import BodyTooLarge, ClientGone

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")
# More pairs than any client sends; parsing more is work for an attacker's benefit.
_MAX_QUERY_PAIRS: Final = 100
# ``grant_type=refresh_token`` and its like are parsed once.
_USUAL_QUERY: Final = 40


@dataclass(slots=True)
class Reply:
    """A complete response; ``headers`` are lower-case, without ``content-length``."""

    status: int = 200
    body: bytes = b""
    headers: Sequence[Header] = (JSON,)
    error_code: str | None = None
    """For the log and the metrics."""
    complete: bool = False
    """No cross-origin headers are added: it has its own."""


@dataclass(slots=True)
class Exchange:
    """One request: the ASGI scope with the few questions that handlers ask."""

    scope: Scope
    headers: Mapping[bytes, bytes]
    """The first value of every header, names in lower case."""
    receive: Receive
    request_id: str
    ip: str
    """Client address after the trusted proxies; empty when unknown."""
    max_body: int
    params: Mapping[str, str] = field(default_factory=dict)
    """Path parameters."""
    route: str = "(unmatched)"
    """The path of the endpoint as the table of routes writes it: logs and metrics show this."""
    reply: Reply | None = None
    """Where a cold route leaves its answer."""
    _query: Mapping[str, str] | None = None
    _body: bytes | None = None

    @property
    def method(self) -> str:
        """The request method, as sent."""
        method: str = self.scope["method"]
        return method

    def header(self, name: bytes) -> str | None:
        """Return the first value of the header ``name`` (lower-case), or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def query(self, name: str) -> str | None:
        """Return the first value of the query parameter ``name``, or None."""
        if self._query is None:
            raw = self.scope.get("query_string", b"")
            self._query = _parse_usual(raw) if len(raw) <= _USUAL_QUERY else parse_query(raw)
        return self._query.get(name)

    async def body(self) -> bytes:
        """Return the whole body, the same each time; raises :class:`BodyTooLarge`.

        Raises :class:`ClientGone` when the client leaves before it has sent everything.
        """
        if self._body is None:
            self._body = await self._received()
        return self._body

    async def _received(self) -> bytes:
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared[:20]) > self.max_body:
            raise BodyTooLarge
        message = await self.receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            whole: bytes = message.get("body", b"")
            self._check(len(whole))
            return whole
        return await self._rest(message)

    async def _rest(self, message: Message) -> bytes:
        chunks = bytearray()
        while True:
            if message["type"] != "http.request":
                raise ClientGone
            chunks += message.get("body", b"")
            self._check(len(chunks))
            if not message.get("more_body", False):
                return bytes(chunks)
            message = await self.receive()

    def _check(self, size: int) -> None:
        if size > self.max_body:
            raise BodyTooLarge


def parse_query(raw: bytes) -> Mapping[str, str]:
    """Return the first value of each name; broken escapes and bytes become U+FFFD."""
    try:
        pairs = urllib.parse.parse_qsl(
            raw.decode("latin-1"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="replace",
            max_num_fields=_MAX_QUERY_PAIRS,
        )
    except ValueError:
        return {}
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


_parse_usual: Final = lru_cache(maxsize=256)(parse_query)

Handler = Callable[[Exchange], Awaitable[Reply]]
