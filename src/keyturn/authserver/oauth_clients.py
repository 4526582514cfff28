"""Clients of the OAuth server over HTTP: registering themselves, and ``/admin/oauth/clients``."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.accounts.oauth_clients import ClientChange, OAuthClient, Registration
from keyturn.accounts.timestamps import rfc3339
from keyturn.authserver import bodies
from keyturn.authserver.contract import declares
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


class OAuthClientJson(msgspec.Struct, omit_defaults=True):
    """A client, members in GoTrue's order; the secret only where it was just made."""

    client_id: str
    client_secret: str = ""
    client_type: str = ""
    redirect_uris: tuple[str, ...] = ()
    token_endpoint_auth_method: str = ""
    grant_types: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ()
    client_name: str = ""
    client_uri: str = ""
    logo_uri: str = ""
    registration_type: str = ""
    created_at: str = ""
    updated_at: str = ""


class OAuthClientsJson(msgspec.Struct):
    """All clients."""

    clients: list[OAuthClientJson]


class OAuthClients:
    """Answers ``/oauth/clients/register`` and ``/admin/oauth/clients``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    @declares(
        takes=RegistrationBody,
        gives={201: OAuthClientJson},
        refuses="oauth_server_off oauth_registration_off validation_failed saving_oauth_client "
        "@text",
    )
    async def register(self, exchange: Exchange) -> Reply:
        """``POST /oauth/clients/register``: dynamic client registration (RFC 7591)."""
        oauth_clients.require_registration(self._plane)
        return await self._create(exchange, "dynamic")

    @declares(
        who="administrator",
        takes=RegistrationBody,
        gives={201: OAuthClientJson},
        refuses="oauth_server_off validation_failed saving_oauth_client @text",
    )
    async def create(self, exchange: Exchange) -> Reply:
        """``POST /admin/oauth/clients``."""
        await self._admin(exchange)
        return await self._create(exchange, "manual")

    @declares(who="administrator", gives=OAuthClientsJson, refuses="oauth_server_off")
    async def list(self, exchange: Exchange) -> Reply:
        """``GET /admin/oauth/clients``."""
        await self._admin(exchange)
        found = await oauth_clients.list_clients(self._plane)
        body = _encode(OAuthClientsJson([_shown(client) for client in found]))
        return Reply(200, body, (JSON, NO_STORE))

    @declares(
        who="administrator",
        gives=OAuthClientJson,
        refuses="oauth_server_off client_id_format oauth_client_not_found",
    )
    async def get(self, exchange: Exchange) -> Reply:
        """``GET /admin/oauth/clients/{client_id}``."""
        await self._admin(exchange)
        return _reply(await oauth_clients.get(self._plane, exchange.params["client_id"]))

    @declares(
        who="administrator",
        takes=ChangeBody,
        gives=OAuthClientJson,
        refuses="oauth_server_off client_id_format oauth_client_not_found validation_failed "
        "saving_oauth_client @text",
    )
    async def change(self, exchange: Exchange) -> Reply:
        """``PUT /admin/oauth/clients/{client_id}``."""
        await self._admin(exchange)
        body = await bodies.read(exchange, ChangeBody)
        change = ClientChange(**msgspec.structs.asdict(body))
        client_id = exchange.params["client_id"]
        return _reply(await oauth_clients.change(self._plane, client_id, change))

    @declares(
        who="administrator",
        gives={204: None},
        refuses="oauth_server_off client_id_format oauth_client_not_found",
    )
    async def delete(self, exchange: Exchange) -> Reply:
        """``DELETE /admin/oauth/clients/{client_id}``."""
        await self._admin(exchange)
        await oauth_clients.delete(self._plane, exchange.params["client_id"])
        return Reply(204, headers=())

    @declares(
        who="administrator",
        gives=OAuthClientJson,
        refuses="oauth_server_off client_id_format oauth_client_not_found public_client_secret "
        "saving_oauth_client",
    )
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


def _shown(client: OAuthClient, secret: str = "") -> OAuthClientJson:
    return OAuthClientJson(
        client.id,
        secret,
        client.client_type,
        tuple(client.redirect_uris),
        client.token_endpoint_auth_method,
        tuple(client.grant_types),
        ("code",),
        client.client_name or "",
        client.client_uri or "",
        client.logo_uri or "",
        client.registration_type,
        rfc3339(client.created_at),
        rfc3339(client.updated_at),
    )
