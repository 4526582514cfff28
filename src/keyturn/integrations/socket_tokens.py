"""Where a WebSocket carries its token: in the handshake, or in a message. Pure; no I/O.

A browser can set neither headers nor a body on a WebSocket handshake. It can offer subprotocols
(``new WebSocket(url, ["bearer", token])``) and it can send a message; a query string works as
well, but proxies and servers write it to their logs, so it has to be asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

import msgspec

from keyturn.errors import UsageError
from keyturn.integrations.asgi import authorization
from keyturn.integrations.bearer import RequestMalformed, TokenMissing, presented
from keyturn.integrations.protocol import Scope

RENEWAL: Final = "access_token"  # as Supabase Realtime's clients send it
BEARER_SUBPROTOCOL: Final = "bearer"
MAX_EVENT_BYTES: Final = 20_000  # the longest token that is verified, and its envelope
MAX_QUERY_FIELDS: Final = 100


@dataclass(frozen=True, kw_only=True)
class TokenSources:
    """From where a token is taken when a WebSocket opens; exactly one may carry it.

    ``header``: ``Authorization: Bearer …``, for clients that are no browsers. ``subprotocol``:
    two offers, "bearer" and the token. ``query``: the name of a parameter, None for never.
    ``first_message_seconds``: how long to wait for a token event as the first message when the
    handshake had no token, None for never.
    """

    header: bool = True
    subprotocol: bool = True
    query: str | None = None
    first_message_seconds: float | None = 10.0

    def __post_init__(self) -> None:
        by_message = self.first_message_seconds is not None
        if not (self.header or self.subprotocol or self.query or by_message):
            raise UsageError("no source of tokens is left; every WebSocket would be refused")
        if self.first_message_seconds is not None and self.first_message_seconds <= 0:
            raise UsageError(
                f"the wait for the first message is {self.first_message_seconds} seconds, "
                "expected more than 0, or None to not accept a token there"
            )

    def find(self, scope: Scope) -> str | None:
        """Return the token of a handshake, None without one.

        Raises :class:`RequestMalformed` for two tokens or a broken carrier (RFC 6750 §2: one
        method per request).
        """
        found = [*self._in_header(scope), *self._in_subprotocol(scope), *self._in_query(scope)]
        if len(found) > 1:
            raise RequestMalformed("the handshake carries more than one token")
        return found[0] if found else None

    def answer(self, scope: Scope, spoken: Sequence[str]) -> str | None:
        """Return the subprotocol to accept: the first offer that is ``spoken``, else "bearer".

        Never the token; and a browser drops the connection when none of its offers is accepted.
        """
        offers = _offers(scope)
        shared = [offer for offer in offers if offer in spoken]
        if shared:
            return shared[0]
        return BEARER_SUBPROTOCOL if self.subprotocol and BEARER_SUBPROTOCOL in offers else None

    def _in_header(self, scope: Scope) -> list[str]:
        if not self.header:
            return []
        try:
            return [presented(authorization(scope))]
        except TokenMissing:
            return []

    def _in_subprotocol(self, scope: Scope) -> list[str]:
        offers = _offers(scope)
        if not self.subprotocol or BEARER_SUBPROTOCOL not in offers:
            return []
        after = offers[offers.index(BEARER_SUBPROTOCOL) + 1 :]
        if not after:
            raise RequestMalformed('the subprotocol "bearer" is offered without a token after it')
        return after[:1]

    def _in_query(self, scope: Scope) -> list[str]:
        if self.query is None:
            return []
        query = scope.get("query_string", b"").decode("latin-1")
        try:
            return parse_qs(query, max_num_fields=MAX_QUERY_FIELDS).get(self.query, [])
        except ValueError:
            raise RequestMalformed("the query string has too many fields") from None


class _Payload(msgspec.Struct):
    access_token: str | None = None


class _Named(msgspec.Struct):
    event: object = None


class _Event(msgspec.Struct):
    payload: _Payload


def token_event(text: str | None) -> str | None:
    """Return the token of ``{"event": "access_token", "payload": {"access_token": …}}``.

    None when ``text`` is any other message, which then is the application's. Other members
    (``topic``, ``ref``) are ignored. Raises :class:`TokenMissing` for a token event with null,
    as clients send it after signing out, and :class:`RequestMalformed` for a broken one.
    """
    if text is None or RENEWAL not in text or len(text) > MAX_EVENT_BYTES:
        return None
    try:
        if msgspec.json.decode(text, type=_Named).event != RENEWAL:
            return None
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None
    try:
        token = msgspec.json.decode(text, type=_Event).payload.access_token
    except msgspec.ValidationError:
        raise RequestMalformed('the "access_token" message has no token') from None
    if token is None:
        raise TokenMissing('the "access_token" message has no token')
    return token


def _offers(scope: Scope) -> list[str]:
    return list(scope.get("subprotocols") or ())
