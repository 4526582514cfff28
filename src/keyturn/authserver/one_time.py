"""One-time tokens over HTTP: asking for links and codes, and using them."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.accounts.errors import AuthError
from keyturn.accounts.one_time import PKCE_PREFIX
from keyturn.accounts.redirects import with_fragment, with_query
from keyturn.accounts.user import UserJson, user_json
from keyturn.authserver import bodies, shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.redirecting import origin_of, redirect
from keyturn.authserver.tokens import AUDIENCE, NO_STORE, TokenJson, client_of, granted_reply
from keyturn.authserver.users import AUTHORIZATION, user_reply
from keyturn.flows import links, otp, reauthenticate, recover, redeem, resend
from keyturn.flows.callers import authenticate, authenticate_admin
from keyturn.flows.otp import Otp
from keyturn.flows.plane import AuthPlane, Granted

ONE_OF_TWO: Final = (
    "Confirmation link accepted. Please proceed to confirm link sent to the other email"
)
# The words of RFC 6749 §4.1.2.1 for the status of a refusal, as GoTrue maps them.
_OAUTH_WORDS: Final = {
    400: "invalid_request",
    401: "unauthorized_client",
    403: "access_denied",
    500: "server_error",
    503: "temporarily_unavailable",
}
_encode: Final = msgspec.json.Encoder().encode
_NOTHING: Final = Reply(200, b"{}", (JSON, NO_STORE))


class LinkJson(UserJson):
    """The answer of ``POST /admin/generate_link``: the account, and the link for it."""

    action_link: str
    email_otp: str
    hashed_token: str
    verification_type: str
    redirect_to: str


class HalfwayJson(msgspec.Struct):
    """The answer to the first of the two links of a new address."""

    msg: str
    code: str = "200"


class OneTime:
    """Answers ``/verify``, ``/otp``, ``/magiclink``, ``/recover``, ``/resend`` and their like."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    @declares(
        takes=bodies.RecoverBody,
        gives=shapes.EMPTY,
        query=shapes.REDIRECT,
        refuses="recover_needs_email @email @mail @pkce text_not_storable",
        audience=True,
        hooks=True,
    )
    async def recover(self, exchange: Exchange) -> Reply:
        """``POST /recover``."""
        body = await bodies.read(exchange, bodies.RecoverBody)
        wanted = recover.Recover(
            email=body.email or "",
            code_challenge=body.code_challenge or "",
            code_challenge_method=body.code_challenge_method or "",
            aud=exchange.header(AUDIENCE),
        )
        origin = origin_of(self._plane, exchange)
        await recover.recover(self._plane, wanted, origin, client_of(exchange))
        return _NOTHING

    @declares(
        takes=bodies.OtpBody,
        gives=shapes.SENT,
        query=shapes.REDIRECT,
        refuses="otp_one_of otp_only_one otp_channel otp_signups signup_disabled "
        "phone_unsupported email_logins_disabled magic_link_needs_email email_exists phone_exists "
        "saving_user @email @mail @sms @pkce @text",
        audience=True,
        hooks=True,
    )
    async def otp(self, exchange: Exchange) -> Reply:
        """``POST /otp``."""
        wanted = await self._wanted(exchange)
        origin = origin_of(self._plane, exchange)
        sent = await otp.otp(self._plane, wanted, origin, client_of(exchange))
        return _sent(sent)

    @declares(
        takes=bodies.OtpBody,
        gives=shapes.EMPTY,
        query=shapes.REDIRECT,
        refuses="magic_link_needs_email email_logins_disabled otp_signups signup_disabled "
        "email_exists saving_user @email @mail @pkce @text",
        audience=True,
        hooks=True,
    )
    async def magic_link(self, exchange: Exchange) -> Reply:
        """``POST /magiclink``."""
        wanted = await self._wanted(exchange)
        origin = origin_of(self._plane, exchange)
        await otp.magic_link(self._plane, wanted, origin, client_of(exchange))
        return _NOTHING

    async def _wanted(self, exchange: Exchange) -> Otp:
        body = await bodies.read(exchange, bodies.OtpBody)
        return Otp(
            email=body.email or "",
            phone=body.phone or "",
            create_user=body.create_user is not False,
            data=body.data,
            channel=body.channel or "",
            code_challenge=body.code_challenge or "",
            code_challenge_method=body.code_challenge_method or "",
            aud=exchange.header(AUDIENCE),
        )

    @declares(
        takes=bodies.ResendBody,
        gives=shapes.SENT,
        query=shapes.REDIRECT,
        refuses="resend_type resend_needs_email resend_needs_phone resend_only_one "
        "resend_missing resend_email_off resend_phone_off no_mailer_change email_exists "
        "phone_exists @email @mail @sms @pkce text_not_storable",
        audience=True,
        hooks=True,
    )
    async def resend(self, exchange: Exchange) -> Reply:
        """``POST /resend``."""
        body = await bodies.read(exchange, bodies.ResendBody)
        wanted = resend.Resend(
            type=body.type or "",
            email=body.email or "",
            phone=body.phone or "",
            code_challenge=body.code_challenge or "",
            code_challenge_method=body.code_challenge_method or "",
            aud=exchange.header(AUDIENCE),
        )
        origin = origin_of(self._plane, exchange)
        return _sent(await resend.resend(self._plane, wanted, origin, client_of(exchange)))

    @declares(
        who="user",
        gives=shapes.SENT,
        query=shapes.REDIRECT,
        refuses="reauthenticate_needs_contact reauthenticate_email reauthenticate_phone "
        "@mail no_sms sms_limit sms_not_sent too_soon_sms",
        hooks=True,
    )
    async def reauthenticate(self, exchange: Exchange) -> Reply:
        """``GET /reauthenticate``."""
        caller = await authenticate(self._plane, exchange.header(AUTHORIZATION))
        origin = origin_of(self._plane, exchange)
        return _sent(
            await reauthenticate.reauthenticate(self._plane, caller, origin, client_of(exchange))
        )

    @declares(
        takes=bodies.VerifyBody,
        gives=TokenJson | HalfwayJson,
        refuses="otp_expired link_expired verify_banned verify_needs_type verify_needs_token "
        "verify_only_hash verify_only_one verify_email_type verify_sms_type verify_type no_mailer "
        "email_exists phone_exists @email phone_invalid",
        audience=True,
        hooks=True,
    )
    async def verify(self, exchange: Exchange) -> Reply:
        """``POST /verify``."""
        body = await bodies.read(exchange, bodies.VerifyBody)
        shown = redeem.Verify(
            type=body.type or "",
            token=body.token or "",
            token_hash=body.token_hash or "",
            email=body.email or "",
            phone=body.phone or "",
            aud=exchange.header(AUDIENCE),
        )
        granted = await redeem.verify(self._plane, shown, client_of(exchange))
        if granted is None:
            return Reply(200, _encode(HalfwayJson(ONE_OF_TWO)), (JSON, NO_STORE))
        return granted_reply(granted)

    @declares(
        gives={303: None},
        query={
            "token": shapes.TEXT,
            "type": shapes.words(
                "signup", "invite", "recovery", "magiclink", "email_change", "email"
            ),
            **shapes.REDIRECT,
        },
    )
    async def follow(self, exchange: Exchange) -> Reply:
        """``GET /verify``: the link of a mail; every outcome is a redirect (303)."""
        token, kind = exchange.query("token") or "", exchange.query("type") or ""
        target = origin_of(self._plane, exchange).redirect_to
        pkce = token.startswith(PKCE_PREFIX)
        try:
            followed = await redeem.follow(self._plane, token, kind, client_of(exchange))
        except AuthError as refused:
            return redirect(with_fragment(target, failure(refused), query=pkce))
        if followed.granted is not None:
            return redirect(with_fragment(target, _session(followed.granted, kind)))
        if followed.auth_code is not None:
            return redirect(with_query(target, {"code": followed.auth_code}))
        if pkce:
            target = with_query(target, {"message": ONE_OF_TWO})
        return redirect(with_fragment(target, {"message": ONE_OF_TWO, "sb": ""}))

    @declares(
        who="administrator",
        takes=bodies.InviteBody,
        gives=UserJson,
        query=shapes.REDIRECT,
        refuses="email_exists saving_user @email @mail @text",
        audience=True,
        hooks=True,
    )
    async def invite(self, exchange: Exchange) -> Reply:
        """``POST /invite``."""
        admin = await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        body = await bodies.read(exchange, bodies.InviteBody)
        wanted = links.LinkRequest(
            email=body.email or "", data=body.data, aud=exchange.header(AUDIENCE)
        )
        origin = origin_of(self._plane, exchange)
        return user_reply(
            await links.invite(self._plane, admin, wanted, origin, client_of(exchange))
        )

    @declares(
        who="administrator",
        takes=bodies.LinkBody,
        gives=LinkJson,
        query=shapes.REDIRECT,
        refuses="link_type link_user_not_found link_secure_change_off no_mailer "
        "signup_needs_password @strength email_exists saving_user @email "
        "@text",
        audience=True,
        hooks=True,
    )
    async def generate_link(self, exchange: Exchange) -> Reply:
        """``POST /admin/generate_link``."""
        admin = await authenticate_admin(self._plane, exchange.header(AUTHORIZATION))
        body = await bodies.read(exchange, bodies.LinkBody)
        wanted = links.LinkRequest(
            type=body.type or "",
            email=body.email or "",
            new_email=body.new_email or "",
            password=body.password or "",
            data=body.data,
            aud=exchange.header(AUDIENCE),
        )
        origin = origin_of(self._plane, exchange, body.redirect_to)
        made = await links.generate(self._plane, admin, wanted, origin, client_of(exchange))
        return Reply(200, _link(made), (JSON, NO_STORE))


def _sent(message_id: str | None) -> Reply:
    if not message_id:
        return _NOTHING
    return Reply(200, _encode({"message_id": message_id}), (JSON, NO_STORE))


def _link(made: links.Link) -> bytes:
    """Return the user's members with those of the link behind them."""
    about = {
        "action_link": made.url,
        "email_otp": made.code,
        "hashed_token": made.hash,
        "verification_type": made.type,
        "redirect_to": made.redirect_to,
    }
    return _encode(user_json(made.user))[:-1] + b"," + _encode(about)[1:]


def _session(granted: Granted, kind: str) -> dict[str, str]:
    return {
        "access_token": granted.access_token,
        "expires_at": str(granted.expires_at),
        "expires_in": str(granted.expires_in),
        "refresh_token": granted.refresh_token,
        "sb": "",
        "token_type": "bearer",
        "type": kind,
    }


def failure(refused: AuthError) -> dict[str, str]:
    """Return what a redirect tells about ``refused``."""
    word = _OAUTH_WORDS.get(refused.status)
    return {
        **({"error": word} if word else {}),
        "error_code": refused.error_code,
        "error_description": refused.message,
        "sb": "",
    }
