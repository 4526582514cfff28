"""The OAuth 2.1 server over HTTP: authorization, consent, tokens, userinfo, grants."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from keyturn.accounts.errors import OAuthRefusal
from keyturn.accounts.oauth_clients import OAuthClient
from keyturn.accounts.oauth_server import AuthorizationRequest, scopes_of
from keyturn.accounts.timestamps import rfc3339
from keyturn.authserver import bodies, shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply, parse_query
from keyturn.authserver.problems import BadJson
from keyturn.authserver.redirecting import redirect
from keyturn.authserver.tokens import NO_STORE, client_of
from keyturn.authserver.users import AUTHORIZATION
from keyturn.flows import oauth_authorize, oauth_grants, oauth_token
from keyturn.flows.oauth_clients import require_server
from keyturn.flows.oauth_token import ClientSecret, ClientTokens, TokenRequest
from keyturn.flows.plane import AuthPlane

_encode: Final = msgspec.json.Encoder().encode
_REQUEST: Final = tuple(AuthorizationRequest.__dataclass_fields__)
_BASIC: Final = "basic "


class ConsentBody(msgspec.Struct):
    """``POST /oauth/authorizations/{authorization_id}/consent``."""

    action: str | None = None


class TokenBody(msgspec.Struct):
    """``POST /oauth/token``, form or JSON."""

    grant_type: str | None = None
    code: str | None = None
    refresh_token: str | None = None
    redirect_uri: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    code_verifier: str | None = None
    resource: str | None = None


class ClientJson(msgspec.Struct, omit_defaults=True):
    """What users see of a client."""

    id: str
    name: str = ""
    uri: str = ""
    logo_uri: str = ""


class DeciderJson(msgspec.Struct, omit_defaults=True):
    """Who is asked for consent."""

    id: str
    email: str = ""


class AuthorizationJson(msgspec.Struct):
    """What a client asks for."""

    authorization_id: str
    redirect_uri: str
    client: ClientJson
    user: DeciderJson
    scope: str


class RedirectJson(msgspec.Struct):
    """Where the user goes next."""

    redirect_url: str


class GrantJson(msgspec.Struct):
    """One client that a user has authorized."""

    client: ClientJson
    scopes: tuple[str, ...]
    granted_at: str


class ClientTokensJson(msgspec.Struct, omit_defaults=True):
    """Tokens for a client (RFC 6749 §5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str
    scope: str = ""
    id_token: str = ""


class OAuthServer:
    """Answers ``/oauth/*`` and ``/user/oauth/grants``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    @declares(
        gives={302: None},
        query=dict.fromkeys(_REQUEST, shapes.TEXT),
        refuses="oauth_server_off client_id_required authorize_client_format "
        "authorize_client_unknown redirect_uri_required redirect_uri_invalid saving_authorization "
        "@text",
    )
    async def authorize(self, exchange: Exchange) -> Reply:
        """``GET /oauth/authorize``: to the consent page, or back to the client with an error."""
        given = {name: exchange.query(name) or "" for name in _REQUEST}
        target = await oauth_authorize.authorize(self._plane, AuthorizationRequest(**given))
        return redirect(target, 302)

    @declares(
        who="user",
        gives=AuthorizationJson | RedirectJson,
        refuses="oauth_server_off consent_by_client consent_origin authorization_not_found "
        "authorization_not_pending text_not_storable",
    )
    async def look(self, exchange: Exchange) -> Reply:
        """``GET /oauth/authorizations/{authorization_id}``."""
        caller = await self._decider(exchange)
        found = await oauth_authorize.look(self._plane, caller, exchange.params["authorization_id"])
        if found.code:
            return _json(RedirectJson(oauth_authorize.approved_url(found)))
        return _json(
            AuthorizationJson(
                found.authorization_id,
                found.redirect_uri,
                _client(found.client),
                DeciderJson(caller.user.id, caller.user.email or ""),
                found.scope,
            )
        )

    @declares(
        who="user",
        takes=ConsentBody,
        gives=RedirectJson,
        refuses="oauth_server_off consent_by_client consent_origin consent_action "
        "authorization_not_found authorization_not_pending saving_authorization "
        "text_not_storable",
    )
    async def consent(self, exchange: Exchange) -> Reply:
        """``POST /oauth/authorizations/{authorization_id}/consent``."""
        caller = await self._decider(exchange)
        body = await bodies.read(exchange, ConsentBody)
        authorization_id = exchange.params["authorization_id"]
        target = await oauth_authorize.decide(
            self._plane, caller, authorization_id, body.action or ""
        )
        return _json(RedirectJson(target))

    @declares(
        who="client",
        takes=TokenBody,
        body="either",
        gives=ClientTokensJson,
        refuses="oauth_server_off refresh_conflict refresh_no_session refresh_not_found "
        "column_unreadable id_token_unsigned text_not_storable",
        oauth=True,
        hooks=True,
    )
    async def token(self, exchange: Exchange) -> Reply:
        """``POST /oauth/token``: form or JSON; the client by Basic, in the body, or public."""
        require_server(self._plane)
        body = await _token_body(exchange)
        client = await oauth_token.authenticate_client(
            self._plane, _shown(exchange.header(AUTHORIZATION), body)
        )
        request = TokenRequest(
            grant_type=body.grant_type or "",
            code=body.code or "",
            refresh_token=body.refresh_token or "",
            redirect_uri=body.redirect_uri or "",
            code_verifier=body.code_verifier or "",
            resource=body.resource or "",
        )
        return _tokens(await oauth_token.token(self._plane, client, request, client_of(exchange)))

    @declares(who="user", gives=shapes.USER_INFO, refuses="oauth_server_off")
    async def userinfo(self, exchange: Exchange) -> Reply:
        """``GET`` or ``POST /oauth/userinfo``."""
        return _json(await oauth_grants.userinfo(self._plane, exchange.header(AUTHORIZATION)))

    @declares(
        who="user",
        gives=list[GrantJson],
        refuses="oauth_server_off consent_by_client consent_origin",
    )
    async def grants(self, exchange: Exchange) -> Reply:
        """``GET /user/oauth/grants``."""
        bearer = exchange.header(AUTHORIZATION)
        return _json(
            [
                GrantJson(
                    _client(grant.client),
                    tuple(scopes_of(grant.scopes)),
                    rfc3339(grant.granted_at),
                )
                for grant in await oauth_grants.list_grants(self._plane, bearer)
            ]
        )

    @declares(
        who="user",
        gives={204: None},
        query={"client_id": shapes.TEXT},
        refuses="oauth_server_off consent_by_client consent_origin grant_client_required "
        "client_id_format oauth_consent_not_found",
    )
    async def revoke(self, exchange: Exchange) -> Reply:
        """``DELETE /user/oauth/grants?client_id=…``."""
        bearer, client_id = exchange.header(AUTHORIZATION), exchange.query("client_id") or ""
        await oauth_grants.revoke(self._plane, bearer, client_id, client_of(exchange))
        return Reply(204, headers=())

    async def _decider(self, exchange: Exchange) -> Any:
        return await oauth_authorize.decider(
            self._plane, exchange.header(AUTHORIZATION), exchange.header(b"origin")
        )


def _json(content: object) -> Reply:
    return Reply(200, _encode(content), (JSON, NO_STORE))


def _client(client: OAuthClient) -> ClientJson:
    return ClientJson(
        client.id, client.client_name or "", client.client_uri or "", client.logo_uri or ""
    )


def _tokens(tokens: ClientTokens) -> Reply:
    granted = tokens.granted
    return _json(
        ClientTokensJson(
            granted.access_token,
            "bearer",
            granted.expires_in,
            granted.refresh_token,
            tokens.scope or "",
            tokens.id_token or "",
        )
    )


async def _token_body(exchange: Exchange) -> TokenBody:
    raw = await exchange.body()
    if "application/json" in (exchange.header(b"content-type") or "").lower():
        try:
            return bodies.parse(raw, TokenBody)
        except BadJson:
            raise OAuthRefusal("invalid_request", "Invalid JSON body") from None
    form = parse_query(raw)
    return TokenBody(**{name: form.get(name) for name in TokenBody.__struct_fields__})


def _shown(authorization: str | None, body: TokenBody) -> ClientSecret:
    """Return how the client showed itself; Basic wins (RFC 6749 §2.3.1)."""
    if authorization and authorization.lower().startswith(_BASIC):
        return _basic(authorization[len(_BASIC) :])
    secret = body.client_secret or ""
    method = "client_secret_post" if secret else "none"
    return ClientSecret(body.client_id or "", secret, method)


def _basic(encoded: str) -> ClientSecret:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    name, colon, secret = text.partition(":")
    if not colon:
        raise OAuthRefusal("invalid_client", "Invalid client credentials")
    return ClientSecret(unquote_plus(name), unquote_plus(secret), "client_secret_basic")
