"""``POST /token``: the grants, and the response that every sign-in shares (gotrue.md §4.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from keyturn.accounts.user import UserJson, user_json
from keyturn.authserver import bodies, shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Header, Reply
from keyturn.authserver.problems import Refused, problem_of
from keyturn.authserver.reporting import Metrics
from keyturn.flows import external, redeem, refresh, sign_in
from keyturn.flows.callers import authenticate
from keyturn.flows.plane import AuthPlane, Granted, client_info
from keyturn.flows.ports.accounts import ClientInfo

NO_STORE: Final[Header] = (b"cache-control", b"no-store")
AUDIENCE: Final = b"x-jwt-aud"


class WeakPasswordJson(msgspec.Struct):
    """Why the password of a successful sign-in should be changed."""

    message: str
    reasons: tuple[str, ...]


class TokenJson(msgspec.Struct):
    """A token response, members in GoTrue's order."""

    access_token: str
    token_type: str
    expires_in: int
    expires_at: int
    refresh_token: str
    user: UserJson
    provider_token: str | msgspec.UnsetType = msgspec.UNSET
    provider_refresh_token: str | msgspec.UnsetType = msgspec.UNSET
    weak_password: WeakPasswordJson | msgspec.UnsetType = msgspec.UNSET


_encode: Final = msgspec.json.Encoder().encode


def client_of(exchange: Exchange) -> ClientInfo:
    """Return who is asking, for the session and the audit log."""
    return client_info(exchange.ip, exchange.header(b"user-agent"))


def granted_reply(granted: Granted) -> Reply:
    """Return the token response with the ``sb-auth-*`` headers."""
    weak = granted.weak_password
    token = TokenJson(
        granted.access_token,
        "bearer",
        granted.expires_in,
        granted.expires_at,
        granted.refresh_token,
        user_json(granted.user),
        granted.provider_token or msgspec.UNSET,
        granted.provider_refresh_token or msgspec.UNSET,
        WeakPasswordJson(weak.message, weak.reasons) if weak else msgspec.UNSET,
    )
    return Reply(200, _encode(token), [JSON, NO_STORE, *_about(granted)])


def _about(granted: Granted) -> list[Header]:
    headers: list[Header] = [
        (b"sb-auth-user-id", granted.user.id.encode("ascii")),
        (b"sb-auth-session-id", granted.session_id.encode("ascii")),
    ]
    facts = granted.refresh
    if facts.prefix is not None:
        headers.append((b"sb-auth-refresh-token-prefix", facts.prefix.encode("ascii")))
    if facts.counter is not None:
        headers.append((b"sb-auth-refresh-token-counter", b"%d" % facts.counter))
    if facts.reused or facts.rotated:
        headers.append((b"sb-auth-refresh-token-reuse", _boolean(facts.reused)))
        headers.append((b"sb-auth-refresh-token-rotated", _boolean(facts.rotated)))
    if facts.cause:
        headers.append((b"sb-auth-refresh-token-reuse-cause", facts.cause.encode("ascii")))
    return headers


def _boolean(value: bool) -> bytes:
    return b"true" if value else b"false"


# Grants that GoTrue has and that are off here, answered as GoTrue does when they are.
_OFF: Final[Mapping[str, tuple[int, str, str]]] = {
    "web3": (422, "web3_provider_disabled", "Web3 provider is disabled"),
}
_UNSUPPORTED: Final = (400, "invalid_credentials", "unsupported_grant_type")

Grant = Callable[[Exchange], Awaitable[Granted]]


class Tokens:
    """Answers ``POST /token``."""

    def __init__(self, plane: AuthPlane, metrics: Metrics | None) -> None:
        self._plane = plane
        self._metrics = metrics
        self._grants: Mapping[str, Grant] = {
            "password": self._password,
            "refresh_token": self._refresh,
            "pkce": self._pkce,
            "id_token": self._id_token,
        }

    @declares(
        takes=(bodies.PasswordBody, bodies.RefreshBody, bodies.PkceBody, bodies.IdTokenBody),
        gives=TokenJson,
        query={"grant_type": shapes.words("password", "refresh_token", "pkce", "id_token", "web3")},
        refuses="grant_needs_identifier invalid_credentials email_logins_disabled "
        "phone_logins_disabled email_not_confirmed phone_not_confirmed user_banned "
        "refresh_malformed refresh_not_found refresh_banned refresh_no_session refresh_expired "
        "refresh_used refresh_conflict pkce_needs_both no_flow_state flow_state_expired "
        "bad_code_verifier provider_disabled identity_exists external_unverified external_banned "
        "external_signup_disabled external_several external_no_email external_profile "
        "too_soon mail_limit mail_not_sent "
        "@user manual_linking_disabled unexpected_audience identity_is_linked link_email_exists "
        "mfa_verification_rejected column_unreadable saving_user @email phone_invalid @text",
        also=((422, "web3_provider_disabled"),),
        audience=True,
        oauth=True,
        hooks=True,
    )
    async def token(self, exchange: Exchange) -> Reply:
        """``POST /token?grant_type=…``; raises the errors of the grant."""
        kind = exchange.query("grant_type") or ""
        grant = self._grants.get(kind)
        if grant is None:
            raise Refused(*_OFF.get(kind, _UNSUPPORTED))
        if self._metrics is None:
            return granted_reply(await grant(exchange))
        return await self._counted(self._metrics, kind, grant, exchange)

    @staticmethod
    async def _counted(metrics: Metrics, kind: str, grant: Grant, exchange: Exchange) -> Reply:
        outcome = "interrupted"
        try:
            reply = granted_reply(await grant(exchange))
            outcome = "ok"
        except Exception as error:
            problem = problem_of(error)
            outcome = problem.error_code if problem else "unexpected_failure"
            raise
        finally:
            metrics.grant(kind, outcome)
        return reply

    async def _password(self, exchange: Exchange) -> Granted:
        body = await bodies.read(exchange, bodies.PasswordBody)
        request = sign_in.PasswordGrant(
            email=body.email or "",
            phone=body.phone or "",
            password=body.password or "",
            aud=exchange.header(AUDIENCE),
        )
        return await sign_in.password(self._plane, request, client_of(exchange))

    async def _refresh(self, exchange: Exchange) -> Granted:
        body = await bodies.read(exchange, bodies.RefreshBody)
        return await refresh.refresh(self._plane, body.refresh_token or "", client_of(exchange))

    async def _id_token(self, exchange: Exchange) -> Granted:
        body = await bodies.read(exchange, bodies.IdTokenBody)
        wanted = external.IdTokenGrant(
            id_token=body.id_token or "",
            nonce=body.nonce or "",
            provider=body.provider or "",
            client_id=body.client_id or "",
            issuer=body.issuer or "",
        )
        linking = None
        if body.link_identity:
            linking = await authenticate(self._plane, exchange.header(b"authorization"))
        return await external.id_token(self._plane, wanted, client_of(exchange), linking)

    async def _pkce(self, exchange: Exchange) -> Granted:
        body = await bodies.read(exchange, bodies.PkceBody)
        code, verifier = body.auth_code or "", body.code_verifier or ""
        return await redeem.exchange(self._plane, code, verifier, client_of(exchange))
