"""Puts rate limits and the captcha before the endpoints that have them: one table each.

Without a header to count by, and without a captcha, the endpoints stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Final

import msgspec

from keyturn.authserver.exchange import Exchange, Reply
from keyturn.authserver.routes import Endpoint
from keyturn.authserver.tokens import client_of
from keyturn.flows import guards
from keyturn.flows.plane import AuthPlane

LIMITED: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "/token"): "token",
    ("POST", "/signup"): "otp",
    ("POST", "/otp"): "otp",
    ("POST", "/magiclink"): "otp",
    ("POST", "/recover"): "otp",
    ("POST", "/resend"): "otp",
    ("PUT", "/user"): "otp",
    ("GET", "/verify"): "verify",
    ("POST", "/verify"): "verify",
    ("POST", "/factors/{factor_id}/challenge"): "factor",
    ("POST", "/factors/{factor_id}/verify"): "factor",
    ("POST", "/oauth/clients/register"): "registration",
    ("POST", "/passkeys/authentication/options"): "passkey",
    ("POST", "/passkeys/authentication/verify"): "passkey",
}
"""Kind of limit of each endpoint; every endpoint has buckets of its own."""
_SIGN_UP: Final = ("POST", "/signup")
_TOKEN: Final = ("POST", "/token")

ASKED: Final = frozenset(
    {
        ("POST", "/token"),
        ("POST", "/signup"),
        ("POST", "/otp"),
        ("POST", "/magiclink"),
        ("POST", "/recover"),
        ("POST", "/resend"),
        ("POST", "/sso"),
        ("POST", "/passkeys/authentication/options"),
    }
)
"""Endpoints with a captcha."""
_SPARED_GRANTS: Final = frozenset({"refresh_token", "pkce", "id_token"})
_SB_FORWARDED_FOR: Final = b"sb-forwarded-for"


class Security(msgspec.Struct):
    """The solved captcha."""

    captcha_token: str | None = None


class Captcha(msgspec.Struct):
    """Beside the other members, where a captcha is asked for."""

    gotrue_meta_security: Security | None = None


class _Guarded(Captcha):
    """What guards read of a body."""

    email: str | None = None
    phone: str | None = None


_decoder: Final = msgspec.json.Decoder(_Guarded)


async def _peek(exchange: Exchange) -> _Guarded:
    """Return what guards need; a body that is none is refused later, by the endpoint itself."""
    try:
        return _decoder.decode(await exchange.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Guarded()


class Guards:
    """Wraps endpoints."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane
        limits = plane.settings.limits
        self._header = limits.header.lower().encode("latin-1", "replace") if limits.header else None

    def before(self, endpoints: Iterable[Endpoint]) -> list[Endpoint]:
        """Return ``endpoints`` with what stands before them."""
        return [self._limited(self._asked(endpoint)) for endpoint in endpoints]

    def _limited(self, endpoint: Endpoint) -> Endpoint:
        where = (endpoint.method, endpoint.path)
        kind = LIMITED.get(where)
        if kind is None or not self._plane.settings.limits.enabled:
            return endpoint

        @wraps(endpoint.handler)
        async def counted(exchange: Exchange) -> Reply:
            key = self._key(exchange)
            if key is not None:
                wanted = await _counted_as(exchange, where, kind)
                bucket = f"{endpoint.method} {endpoint.path} {wanted}"
                await guards.take(self._plane, bucket, wanted, key)
            return await endpoint.handler(exchange)

        return replace(endpoint, handler=counted)

    def _asked(self, endpoint: Endpoint) -> Endpoint:
        if (endpoint.method, endpoint.path) not in ASKED or self._plane.captcha is None:
            return endpoint

        @wraps(endpoint.handler)
        async def answered(exchange: Exchange) -> Reply:
            if exchange.query("grant_type") not in _SPARED_GRANTS or endpoint.path != "/token":
                security = (await _peek(exchange)).gotrue_meta_security
                await guards.require_person(
                    self._plane,
                    security.captcha_token if security else None,
                    exchange.header(b"authorization"),
                    client_of(exchange).ip,
                )
            return await endpoint.handler(exchange)

        return replace(endpoint, handler=answered)

    def _key(self, exchange: Exchange) -> str | None:
        if self._plane.settings.limits.sb_forwarded_for:
            named = guards.key_of(exchange.header(_SB_FORWARDED_FOR), address=True)
            if named is not None:
                return named
        if self._header is None:
            return None
        return guards.key_of(exchange.header(self._header), address=False)


async def _counted_as(exchange: Exchange, where: tuple[str, str], kind: str) -> str:
    """Guests and wallets have limits of their own."""
    if where == _TOKEN and exchange.query("grant_type") == "web3":
        return "web3"
    if where != _SIGN_UP:
        return kind
    body = await _peek(exchange)
    return kind if body.email or body.phone else "anonymous"
