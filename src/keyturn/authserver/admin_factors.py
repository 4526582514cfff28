"""``/admin/users/{user_id}/factors``: for bearers of an admin role."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.accounts.user import Factor, FactorJson, factor_json
from keyturn.authserver import bodies
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.tokens import NO_STORE, client_of
from keyturn.authserver.users import AUTHORIZATION
from keyturn.flows import admin_factors
from keyturn.flows.callers import authenticate_admin
from keyturn.flows.plane import AuthPlane

_encode: Final = msgspec.json.Encoder().encode
FactorsJson = list[FactorJson]


def _reply(factor: Factor) -> Reply:
    return Reply(200, _encode(factor_json(factor)), (JSON, NO_STORE))


class AdminFactors:
    """Answers ``/admin/users/{user_id}/factors`` and ``…/{factor_id}``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    @declares(who="administrator", gives=FactorsJson, refuses="user_id_not_uuid user_not_found")
    async def list(self, exchange: Exchange) -> Reply:
        """``GET /admin/users/{user_id}/factors``: all, verified or not."""
        await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        found = await admin_factors.listing(self._plane, exchange.params["user_id"])
        return Reply(200, _encode([factor_json(factor) for factor in found]), (JSON, NO_STORE))

    @declares(
        who="administrator",
        takes=bodies.AdminFactorBody,
        gives=FactorJson,
        refuses="user_id_not_uuid user_not_found factor_id_not_uuid factor_not_found "
        "factor_name_conflict factor_phone_verified phone_exists phone_invalid enrolling_factor "
        "@text",
    )
    async def update(self, exchange: Exchange) -> Reply:
        """``PUT …/factors/{factor_id}``: another name, another number."""
        admin = await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        body = await bodies.read(exchange, bodies.AdminFactorBody)
        changed = await admin_factors.change(
            self._plane,
            admin,
            exchange.params["user_id"],
            exchange.params["factor_id"],
            friendly_name=body.friendly_name or "",
            phone=body.phone or "",
            client=client_of(exchange),
        )
        return _reply(changed)

    @declares(
        who="administrator",
        gives=FactorJson,
        refuses="user_id_not_uuid user_not_found factor_id_not_uuid factor_not_found",
    )
    async def delete(self, exchange: Exchange) -> Reply:
        """``DELETE …/factors/{factor_id}``: answers what the factor was."""
        admin = await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        user_id, factor_id = exchange.params["user_id"], exchange.params["factor_id"]
        client = client_of(exchange)
        return _reply(await admin_factors.delete(self._plane, admin, user_id, factor_id, client))
