"""``/admin/custom-providers``: OAuth and OpenID Connect providers added by API."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from keyturn.accounts.custom_providers import CustomProvider
from keyturn.accounts.timestamps import rfc3339
from keyturn.authserver import bodies
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.problems import BadJson
from keyturn.authserver.tokens import NO_STORE
from keyturn.authserver.users import AUTHORIZATION
from keyturn.flows import custom_providers
from keyturn.flows.callers import authenticate_admin
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.custom_providers import KeptProvider

_encode: Final = msgspec.json.Encoder().encode
_SECRET: Final = "client_secret"  # noqa: S105 - the name of a member


class ProviderBody(CustomProvider, frozen=True, kw_only=True):
    """``POST /admin/custom-providers`` and ``PUT``; members that are null are left as they are."""

    client_secret: str | None = None


class ProviderJson(CustomProvider, frozen=True, kw_only=True):
    """A provider without its secret."""

    created_at: str
    updated_at: str


class ProvidersJson(msgspec.Struct):
    """All of them."""

    providers: list[ProviderJson]


class CustomProviders:
    """Answers ``/admin/custom-providers``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    @declares(who="administrator", gives=ProvidersJson, refuses="custom_providers_off")
    async def list(self, exchange: Exchange) -> Reply:
        """``GET /admin/custom-providers``."""
        await self._admin(exchange)
        found = await custom_providers.list_all(self._plane)
        body = _encode({"providers": [_shown(kept) for kept in found]})
        return Reply(200, body, (JSON, NO_STORE))

    @declares(
        who="administrator",
        takes=ProviderBody,
        gives={201: ProviderJson},
        refuses="custom_providers_off custom_provider_exists over_custom_provider_quota "
        "saving_custom_provider validation_failed @text",
    )
    async def create(self, exchange: Exchange) -> Reply:
        """``POST /admin/custom-providers``."""
        await self._admin(exchange)
        members, secret = await _members(exchange)
        wanted = _converted(members)
        return _reply(await custom_providers.create(self._plane, wanted, secret), 201)

    @declares(
        who="administrator",
        gives=ProviderJson,
        refuses="custom_providers_off custom_provider_not_found",
    )
    async def get(self, exchange: Exchange) -> Reply:
        """``GET /admin/custom-providers/{identifier}``."""
        await self._admin(exchange)
        return _reply(await custom_providers.get(self._plane, exchange.params["identifier"]))

    @declares(
        who="administrator",
        takes=ProviderBody,
        gives=ProviderJson,
        refuses="custom_providers_off custom_provider_not_found saving_custom_provider "
        "validation_failed @text",
    )
    async def change(self, exchange: Exchange) -> Reply:
        """``PUT /admin/custom-providers/{identifier}``."""
        await self._admin(exchange)
        members, secret = await _members(exchange)
        wanted = _converted(members)
        given = {name: getattr(wanted, name) for name in members if hasattr(wanted, name)}
        identifier = exchange.params["identifier"]
        return _reply(await custom_providers.change(self._plane, identifier, given, secret))

    @declares(
        who="administrator",
        gives={204: None},
        refuses="custom_providers_off custom_provider_not_found",
    )
    async def delete(self, exchange: Exchange) -> Reply:
        """``DELETE /admin/custom-providers/{identifier}``."""
        await self._admin(exchange)
        await custom_providers.delete(self._plane, exchange.params["identifier"])
        return Reply(204, headers=())

    async def _admin(self, exchange: Exchange) -> None:
        await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        custom_providers.require_enabled(self._plane)


class _Raw(msgspec.Struct):
    client_secret: str | None = None


async def _members(exchange: Exchange) -> tuple[dict[str, Any], str]:
    """Return the members that were sent, null ones left out, and the secret apart."""
    raw = await exchange.body()
    secret = bodies.parse(raw, _Raw).client_secret or ""
    found: dict[str, Any] = msgspec.json.decode(raw)
    given = {name: value for name, value in found.items() if value is not None}
    return {name: value for name, value in given.items() if name != _SECRET}, secret


def _converted(members: dict[str, Any]) -> CustomProvider:
    try:
        return msgspec.convert(members, CustomProvider)
    except msgspec.ValidationError as wrong:
        raise BadJson(f"Could not parse request body as JSON: {wrong}") from None


def _reply(kept: KeptProvider, status: int = 200) -> Reply:
    return Reply(status, _encode(_shown(kept)), (JSON, NO_STORE))


def _shown(kept: KeptProvider) -> dict[str, object]:
    """Return a provider without its secret."""
    members = msgspec.structs.asdict(kept.row)
    shown = {name: value for name, value in members.items() if value is not None}
    times = {"created_at": rfc3339(kept.created_at), "updated_at": rfc3339(kept.updated_at)}
    return {**shown, **times}
