"""``/admin/users``: for bearers of an admin role."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.accounts.user import UserJson, user_json
from keyturn.authserver import bodies, paging, shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.tokens import AUDIENCE, NO_STORE, client_of
from keyturn.authserver.users import AUTHORIZATION, user_reply
from keyturn.flows import admin_users
from keyturn.flows.callers import authenticate_admin
from keyturn.flows.plane import Admin, AuthPlane


class ListingJson(msgspec.Struct):
    """A page of accounts."""

    users: list[UserJson]
    aud: str


_encode: Final = msgspec.json.Encoder().encode


class AdminUsers:
    """Answers ``/admin/users`` and ``/admin/users/{id}``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    async def _admin(self, exchange: Exchange) -> Admin:
        return await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))

    @declares(
        who="administrator",
        takes=bodies.AdminUserBody,
        gives=UserJson,
        refuses="admin_needs_identifier admin_password_or_hash admin_id_not_uuid4 user_exists "
        "email_exists phone_exists password_too_long validation_failed saving_user @email "
        "phone_invalid @text",
        hooks=True,
    )
    async def create(self, exchange: Exchange) -> Reply:
        """``POST /admin/users``."""
        admin = await self._admin(exchange)
        request = _request(await bodies.read(exchange, bodies.AdminUserBody))
        created = await admin_users.create(self._plane, admin, request, client_of(exchange))
        return user_reply(created)

    @declares(
        who="administrator",
        gives=ListingJson,
        query={**shapes.PAGES, "filter": shapes.TEXT, "sort": shapes.TEXT},
        refuses="validation_failed text_not_storable",
        audience=True,
    )
    async def list(self, exchange: Exchange) -> Reply:
        """``GET /admin/users?page&per_page&filter&sort``, with ``Link`` and ``X-Total-Count``."""
        await self._admin(exchange)
        query = admin_users.ListQuery(
            page=exchange.query("page") or "",
            per_page=exchange.query("per_page") or "",
            matching=exchange.query("filter") or "",
            sort=exchange.query("sort") or "",
            aud=exchange.header(AUDIENCE),
        )
        found = await admin_users.list_users(self._plane, query)
        body = _encode(ListingJson([user_json(user) for user in found.users], found.aud))
        kept = {"filter": query.matching, "sort": query.sort}
        pages = paging.headers("/admin/users", found.page, found.total, kept)
        return Reply(200, body, [JSON, NO_STORE, *pages])

    @declares(who="administrator", gives=UserJson, refuses="user_id_not_uuid user_not_found")
    async def get(self, exchange: Exchange) -> Reply:
        """``GET /admin/users/{id}``."""
        await self._admin(exchange)
        return user_reply(await admin_users.get(self._plane, exchange.params["user_id"]))

    @declares(
        who="administrator",
        takes=bodies.AdminUserBody,
        gives=UserJson,
        refuses="user_id_not_uuid user_not_found admin_password_or_hash email_exists phone_exists "
        "user_exists @strength validation_failed updating_user @email "
        "phone_invalid @text",
    )
    async def update(self, exchange: Exchange) -> Reply:
        """``PUT /admin/users/{id}``."""
        admin = await self._admin(exchange)
        request = _request(await bodies.read(exchange, bodies.AdminUserBody))
        user_id = exchange.params["user_id"]
        client = client_of(exchange)
        return user_reply(await admin_users.update(self._plane, admin, user_id, request, client))

    @declares(
        who="administrator",
        takes=bodies.DeleteUserBody,
        body_required=False,
        gives=shapes.EMPTY,
        refuses="user_id_not_uuid user_not_found deleting_user",
    )
    async def delete(self, exchange: Exchange) -> Reply:
        """``DELETE /admin/users/{id}``; the body is optional."""
        admin = await self._admin(exchange)
        raw = await exchange.body()
        body = bodies.parse(raw, bodies.DeleteUserBody) if raw else bodies.DeleteUserBody()
        await admin_users.delete(
            self._plane,
            admin,
            exchange.params["user_id"],
            client_of(exchange),
            soft=bool(body.should_soft_delete),
        )
        return Reply(200, b"{}", (JSON,))


def _request(body: bodies.AdminUserBody) -> admin_users.AdminUser:
    return admin_users.AdminUser(
        id=body.id or "",
        aud=body.aud or "",
        role=body.role or "",
        email=body.email or "",
        phone=body.phone or "",
        password=body.password,
        password_hash=body.password_hash or "",
        email_confirm=bool(body.email_confirm),
        phone_confirm=bool(body.phone_confirm),
        user_metadata=body.user_metadata,
        app_metadata=body.app_metadata,
        ban_duration=body.ban_duration or "",
    )
