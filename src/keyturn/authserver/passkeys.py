"""``/passkeys`` and ``/admin/users/{user_id}/passkeys``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from keyturn.accounts.timestamps import optional_rfc3339, rfc3339
from keyturn.authserver import bodies
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.tokens import NO_STORE, TokenJson, client_of, granted_reply
from keyturn.authserver.users import AUTHORIZATION
from keyturn.flows import passkeys
from keyturn.flows.callers import authenticate, authenticate_admin
from keyturn.flows.passkeys import Options
from keyturn.flows.plane import AuthPlane, Caller
from keyturn.flows.ports.passkeys import Passkey

_encode: Final = msgspec.json.Encoder().encode


class OptionsJson(msgspec.Struct):
    """What a browser is asked."""

    challenge_id: str
    options: Mapping[str, object]
    expires_at: int


class RegisteredJson(msgspec.Struct):
    """A passkey just made."""

    id: str
    created_at: str
    backup_eligible: bool
    backed_up: bool
    transports: list[str]


class PasskeyJson(msgspec.Struct):
    """One passkey in a list."""

    id: str
    friendly_name: str | msgspec.UnsetType
    created_at: str
    last_used_at: str | msgspec.UnsetType


PasskeysJson = list[PasskeyJson]


def _options(made: Options) -> Reply:
    body = OptionsJson(made.challenge_id, made.options, made.expires_at)
    return Reply(200, _encode(body), (JSON, NO_STORE))


def _item(passkey: Passkey) -> PasskeyJson:
    return PasskeyJson(
        passkey.id,
        passkey.friendly_name or msgspec.UNSET,
        rfc3339(passkey.created_at),
        optional_rfc3339(passkey.last_used_at) or msgspec.UNSET,
    )


def _items(found: list[Passkey]) -> Reply:
    return Reply(200, _encode([_item(passkey) for passkey in found]), (JSON, NO_STORE))


def _answer(body: bodies.PasskeyBody) -> bytes | None:
    return bodies.given(body.credential) or bodies.given(body.credential_response)


class Passkeys:
    """Answers ``/passkeys``; every endpoint is 404 ``passkey_disabled`` while they are off."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    async def _caller(self, exchange: Exchange) -> Caller:
        passkeys.require_enabled(self._plane)
        return await authenticate(self._plane, exchange.header(AUTHORIZATION))

    @declares(
        who="user",
        gives=OptionsJson,
        refuses="passkey_disabled not_for_anonymous passkey_sso passkey_needs_aal2 "
        "too_many_passkeys",
    )
    async def registration_options(self, exchange: Exchange) -> Reply:
        """``POST /passkeys/registration/options``."""
        caller = await self._caller(exchange)
        return _options(await passkeys.registration_options(self._plane, caller))

    @declares(
        who="user",
        takes=bodies.PasskeyBody,
        gives=RegisteredJson,
        refuses="passkey_disabled not_for_anonymous passkey_sso passkey_needs_aal2 "
        "too_many_passkeys passkey_exists ceremony_not_found ceremony_expired ceremony_type "
        "credential_failed validation_failed",
    )
    async def register(self, exchange: Exchange) -> Reply:
        """``POST /passkeys/registration/verify``."""
        caller = await self._caller(exchange)
        body = await bodies.read(exchange, bodies.PasskeyBody)
        made = await passkeys.register(
            self._plane, caller, body.challenge_id or "", _answer(body), client_of(exchange)
        )
        shown = RegisteredJson(
            made.id,
            rfc3339(made.created_at),
            made.credential.backup_eligible,
            made.credential.backed_up,
            list(made.credential.transports),
        )
        return Reply(200, _encode(shown), (JSON, NO_STORE))

    @declares(gives=OptionsJson, refuses="passkey_disabled")
    async def authentication_options(self, exchange: Exchange) -> Reply:
        """``POST /passkeys/authentication/options``."""
        del exchange
        return _options(await passkeys.authentication_options(self._plane))

    @declares(
        takes=bodies.PasskeyBody,
        gives=TokenJson,
        refuses="passkey_disabled ceremony_not_found ceremony_expired ceremony_type "
        "credential_failed passkey_user_gone passkey_email_unconfirmed passkey_phone_unconfirmed "
        "jwt_user_banned validation_failed",
        hooks=True,
    )
    async def sign_in(self, exchange: Exchange) -> Reply:
        """``POST /passkeys/authentication/verify``: a session."""
        passkeys.require_enabled(self._plane)
        body = await bodies.read(exchange, bodies.PasskeyBody)
        client = client_of(exchange)
        return granted_reply(
            await passkeys.sign_in(self._plane, body.challenge_id or "", _answer(body), client)
        )

    @declares(who="user", gives=PasskeysJson, refuses="passkey_disabled")
    async def list(self, exchange: Exchange) -> Reply:
        """``GET /passkeys``."""
        caller = await self._caller(exchange)
        return _items(await passkeys.listing(self._plane, caller.user.id))

    @declares(
        who="user",
        takes=bodies.PasskeyNameBody,
        gives=PasskeyJson,
        refuses="passkey_disabled passkey_not_found passkey_name_required passkey_name_too_long "
        "text_not_storable",
    )
    async def rename(self, exchange: Exchange) -> Reply:
        """``PATCH /passkeys/{passkey_id}``."""
        caller = await self._caller(exchange)
        body = await bodies.read(exchange, bodies.PasskeyNameBody)
        passkey_id, name = exchange.params["passkey_id"], body.friendly_name or ""
        client = client_of(exchange)
        renamed = await passkeys.rename(self._plane, caller, passkey_id, name, client)
        return Reply(200, _encode(_item(renamed)), (JSON, NO_STORE))

    @declares(
        who="user",
        gives={204: None},
        refuses="passkey_disabled passkey_not_found passkey_needs_aal2",
    )
    async def delete(self, exchange: Exchange) -> Reply:
        """``DELETE /passkeys/{passkey_id}``."""
        caller = await self._caller(exchange)
        passkey_id = exchange.params["passkey_id"]
        await passkeys.delete(self._plane, caller, passkey_id, client_of(exchange))
        return Reply(204, headers=())

    @declares(
        who="administrator",
        gives=PasskeysJson,
        refuses="passkey_disabled user_id_not_uuid user_not_found",
    )
    async def admin_list(self, exchange: Exchange) -> Reply:
        """``GET /admin/users/{user_id}/passkeys``."""
        await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        return _items(await passkeys.admin_listing(self._plane, exchange.params["user_id"]))

    @declares(
        who="administrator",
        gives={204: None},
        refuses="passkey_disabled user_id_not_uuid user_not_found passkey_not_found",
    )
    async def admin_delete(self, exchange: Exchange) -> Reply:
        """``DELETE /admin/users/{user_id}/passkeys/{passkey_id}``."""
        admin = await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        user_id, passkey_id = exchange.params["user_id"], exchange.params["passkey_id"]
        client = client_of(exchange)
        await passkeys.admin_delete(self._plane, admin, user_id, passkey_id, client)
        return Reply(204, headers=())
