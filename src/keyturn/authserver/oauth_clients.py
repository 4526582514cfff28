"""Clients of the OAuth server over HTTP: registering themselves, and ``/admin/oauth/clients``."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.accounts.oauth_clients import ClientChange, OAuthClient, Registration
from keyturn.accounts.timestamps import rfc3339
from keyturn.authserver import bodies
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.tokens import NO_STORE
from keyturn.authserver.users import AUTHORIZATION
from keyturn.flows import oauth_clients
from keyturn.flows.callers import authenticate_admin
from keyturn.flows.plane import AuthPlane

_encode: Final = msgspec.json.Encoder().encode


class RegistrationBody(msgspec.Struct):
    """``POST /oauth/clients/register`` and ``POST /admin/oauth/clients`` (RFC 7591 §2)."""

    redirect_uris: tuple[str, ...] | None = None
    client_type: str | None = None
    token_endpoint_auth_method: str | None = None
    grant_types: tuple[str, ...] | None = None
    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None


class ChangeBody(msgspec.Struct):
    """``PUT /admin/oauth/clients/{client_id}``."""

    redirect_uris: tuple[str, ...] | None = None
    grant_types: tuple[str, ...] | None = None
    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None


class OAuthClients:
    """Answers ``/oauth/clients/register`` and ``/admin/oauth/clients``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    async def register(self, exchange: Exchange) -> Reply:
        """``POST /oauth/clients/register``: dynamic client registration (RFC 7591)."""
        oauth_clients.require_registration(self._plane)
        return await self._create(exchange, "dynamic")

    async def create(self, exchange: Exchange) -> Reply:
        """``POST /admin/oauth/clients``."""
        await self._admin(exchange)
        return await self._create(exchange, "manual")

    async def list(self, exchange: Exchange) -> Reply:
        """``GET /admin/oauth/clients``."""
        await self._admin(exchange)
        found = await oauth_clients.list_clients(self._plane)
        body = _encode({"clients": [_shown(client) for client in found]})
        return Reply(200, body, (JSON, NO_STORE))

    async def get(self, exchange: Exchange) -> Reply:
        """``GET /admin/oauth/clients/{client_id}``."""
        await self._admin(exchange)
        return _reply(await oauth_clients.get(self._plane, exchange.params["client_id"]))

    async def change(self, exchange: Exchange) -> Reply:
        """``PUT /admin/oauth/clients/{client_id}``."""
        await self._admin(exchange)
        body = await bodies.read(exchange, ChangeBody)
        change = ClientChange(**msgspec.structs.asdict(body))
        client_id = exchange.params["client_id"]
        return _reply(await oauth_clients.change(self._plane, client_id, change))

    async def delete(self, exchange: Exchange) -> Reply:
        """``DELETE /admin/oauth/clients/{client_id}``."""
        await self._admin(exchange)
        await oauth_clients.delete(self._plane, exchange.params["client_id"])
        return Reply(204, headers=())

    async def regenerate(self, exchange: Exchange) -> Reply:
        """``POST /admin/oauth/clients/{client_id}/regenerate_secret``."""
        await self._admin(exchange)
        client_id = exchange.params["client_id"]
        return _reply(*await oauth_clients.regenerate_secret(self._plane, client_id))

    async def _admin(self, exchange: Exchange) -> None:
        await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        oauth_clients.require_server(self._plane)

    async def _create(self, exchange: Exchange, kind: str) -> Reply:
        body = await bodies.read(exchange, RegistrationBody)
        given = {name: value for name, value in msgspec.structs.asdict(body).items() if value}
        created = await oauth_clients.register(self._plane, Registration(**given), kind)
        return _reply(*created, status=201)


def _reply(client: OAuthClient, secret: str = "", *, status: int = 200) -> Reply:
    return Reply(status, _encode(_shown(client, secret)), (JSON, NO_STORE))


def _shown(client: OAuthClient, secret: str = "") -> dict[str, object]:
    """Return a client in GoTrue's order; the secret only where it was just made."""
    shown: dict[str, object] = {
        "client_id": client.id,
        "client_secret": secret,
        "client_type": client.client_type,
        "redirect_uris": client.redirect_uris,
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "grant_types": client.grant_types,
        "response_types": ("code",),
        "client_name": client.client_name,
        "client_uri": client.client_uri,
        "logo_uri": client.logo_uri,
        "registration_type": client.registration_type,
        "created_at": rfc3339(client.created_at),
        "updated_at": rfc3339(client.updated_at),
    }
    return {name: value for name, value in shown.items() if value}
