"""What users do: sign up, look at their account, change it, sign out."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.accounts.user import User, UserJson, user_json
from keyturn.authserver import bodies, shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.redirecting import origin_of
from keyturn.authserver.tokens import AUDIENCE, NO_STORE, TokenJson, client_of, granted_reply
from keyturn.flows import sign_out, sign_up, sign_up_pending
from keyturn.flows import user as user_flow
from keyturn.flows.plane import AuthPlane

AUTHORIZATION: Final = b"authorization"
_encode: Final = msgspec.json.Encoder().encode


def user_reply(user: User) -> Reply:
    """Return an account as the body of a response."""
    return Reply(200, _encode(user_json(user)), (JSON, NO_STORE))


class Users:
    """Answers ``/signup``, ``/user`` and ``/logout``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    @declares(
        takes=bodies.SignUpBody,
        gives=TokenJson | UserJson,
        query=shapes.REDIRECT,
        refuses="signup_disabled email_signups_disabled phone_signups_disabled anonymous_disabled "
        "signup_needs_password signup_email_or_phone phone_pkce @strength "
        "user_already_exists email_exists phone_exists saving_user @email @mail @sms @pkce @text",
        audience=True,
        hooks=True,
    )
    async def sign_up(self, exchange: Exchange) -> Reply:
        """``POST /signup``: an account with its first session, or one that has to be confirmed."""
        body = await bodies.read(exchange, bodies.SignUpBody)
        request = sign_up.SignUp(
            email=body.email or "",
            phone=body.phone or "",
            password=body.password or "",
            data=body.data,
            code_challenge=body.code_challenge or "",
            aud=exchange.header(AUDIENCE),
            code_challenge_method=body.code_challenge_method or "",
            channel=body.channel or "",
        )
        origin = origin_of(self._plane, exchange)
        entered = await sign_up_pending.enter(self._plane, request, origin, client_of(exchange))
        return user_reply(entered) if isinstance(entered, User) else granted_reply(entered)

    @declares(who="user", gives=UserJson, refuses="wrong_audience", audience=True)
    async def get(self, exchange: Exchange) -> Reply:
        """``GET /user``: the caller's account."""
        caller = await user_flow.authenticate(self._plane, exchange.header(AUTHORIZATION))
        return user_reply(user_flow.get(self._plane, caller, exchange.header(AUDIENCE)))

    @declares(
        who="user",
        takes=bodies.UserBody,
        gives=UserJson,
        query=shapes.REDIRECT,
        refuses="wrong_audience anonymous_password app_metadata_admin_only insufficient_aal "
        "sso_managed email_exists phone_exists same_password @strength "
        "reauthentication_needed reauthentication_not_valid current_password_required "
        "current_password_invalid no_mailer_change updating_user @email @mail @sms @pkce @text",
        audience=True,
        hooks=True,
    )
    async def update(self, exchange: Exchange) -> Reply:
        """``PUT /user``: change the caller's account."""
        caller = await user_flow.authenticate(self._plane, exchange.header(AUTHORIZATION))
        user_flow.get(self._plane, caller, exchange.header(AUDIENCE))
        body = await bodies.read(exchange, bodies.UserBody)
        request = user_flow.UserUpdate(
            email=body.email or "",
            phone=body.phone or "",
            password=body.password,
            current_password=body.current_password,
            nonce=body.nonce or "",
            data=body.data,
            app_metadata=body.app_metadata,
            channel=body.channel or "",
            code_challenge=body.code_challenge or "",
            code_challenge_method=body.code_challenge_method or "",
        )
        origin = origin_of(self._plane, exchange)
        changed = await user_flow.update(self._plane, caller, request, client_of(exchange), origin)
        return user_reply(changed)

    @declares(
        who="user",
        gives={204: None},
        query={"scope": shapes.words("global", "local", "others")},
        refuses="logout_scope",
    )
    async def sign_out(self, exchange: Exchange) -> Reply:
        """``POST /logout?scope=global|local|others``: delete sessions."""
        caller = await user_flow.authenticate(self._plane, exchange.header(AUTHORIZATION))
        scope = exchange.query("scope") or ""
        await sign_out.sign_out(self._plane, caller, scope, client_of(exchange))
        return Reply(204, headers=())
