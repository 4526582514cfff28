"""``/factors`` and ``/user/identities``: a user's ways to prove who they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from keyturn.accounts.errors import refuse
from keyturn.authserver import bodies, shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply
from keyturn.authserver.tokens import AUDIENCE, NO_STORE, TokenJson, client_of, granted_reply
from keyturn.authserver.users import AUTHORIZATION
from keyturn.flows import factors, identities, phone_factors, webauthn_factors
from keyturn.flows.callers import authenticate
from keyturn.flows.plane import AuthPlane, Caller

_encode: Final = msgspec.json.Encoder().encode


class TotpJson(msgspec.Struct):
    """What an authenticator app needs: a picture, the secret and its address."""

    qr_code: str
    secret: str
    uri: str


class EnrolledJson(msgspec.Struct):
    """The answer of ``POST /factors``."""

    id: str
    type: str
    friendly_name: str
    totp: TotpJson | msgspec.UnsetType = msgspec.UNSET
    phone: str | msgspec.UnsetType = msgspec.UNSET


class CeremonyJson(msgspec.Struct):
    """What a browser is asked; ``type`` is ``create`` or ``request``."""

    type: str
    credential_options: Mapping[str, object]


class ChallengedJson(msgspec.Struct):
    """The answer of ``POST /factors/{id}/challenge``; ``expires_at`` in Unix seconds."""

    id: str
    type: str
    expires_at: int
    webauthn: CeremonyJson | msgspec.UnsetType = msgspec.UNSET


def _key_attempt(body: bodies.VerifyFactorBody) -> webauthn_factors.KeyAttempt:
    if body.webauthn is None:
        raise refuse("webauthn_required")
    answer = bodies.given(body.webauthn.credential_response)
    return webauthn_factors.KeyAttempt(body.challenge_id or "", body.webauthn.type or "", answer)


class Factors:
    """Answers ``/factors`` and ``DELETE /user/identities/{identity_id}``."""

    def __init__(self, plane: AuthPlane) -> None:
        self._plane = plane

    async def _caller(self, exchange: Exchange) -> Caller:
        return await authenticate(self._plane, exchange.header(AUTHORIZATION))

    async def _permanent(self, exchange: Exchange) -> Caller:
        caller = await self._caller(exchange)
        factors.require_permanent(caller)
        return caller

    @declares(
        who="user",
        takes=bodies.FactorBody,
        gives=EnrolledJson,
        refuses="not_for_anonymous factor_needs_session factor_type factor_phone_required "
        "factor_phone_verified factor_name_conflict too_many_factors enroll_needs_aal2 "
        "enrolling_factor totp_enroll_off phone_enroll_off webauthn_enroll_off phone_invalid "
        "@text",
    )
    async def enroll(self, exchange: Exchange) -> Reply:
        """``POST /factors``: the answer shows a TOTP secret, this once."""
        caller = await self._permanent(exchange)
        body = await bodies.read(exchange, bodies.FactorBody)
        request = factors.Enrolment(
            type=body.factor_type or "",
            friendly_name=body.friendly_name or "",
            issuer=body.issuer or "",
            phone=body.phone or "",
        )
        made = await factors.enroll(self._plane, caller, request, client_of(exchange))
        totp = TotpJson(made.qr_code, made.secret, made.uri) if made.secret else msgspec.UNSET
        body_json = EnrolledJson(
            made.id, made.type, made.friendly_name, totp, made.phone or msgspec.UNSET
        )
        return Reply(200, _encode(body_json), (JSON, NO_STORE))

    @declares(
        who="user",
        takes=bodies.ChallengeBody,
        body_required=False,
        gives=ChallengedJson,
        refuses="not_for_anonymous factor_id_not_uuid factor_not_found factor_needs_session "
        "totp_verify_off phone_verify_off webauthn_verify_off phone_channel phone_no_sms "
        "phone_too_soon sms_limit sms_not_sent",
        hooks=True,
    )
    async def challenge(self, exchange: Exchange) -> Reply:
        """``POST /factors/{factor_id}/challenge``."""
        caller = await self._permanent(exchange)
        factor_id, client = exchange.params["factor_id"], client_of(exchange)
        kind = factors.owned(caller.user, factor_id).factor_type
        if kind == "webauthn":
            asked = await webauthn_factors.challenge(self._plane, caller, factor_id, client)
            ceremony = CeremonyJson(asked.type, asked.options)
            answer = ChallengedJson(asked.id, "webauthn", asked.expires_at, ceremony)
        elif kind == "phone":
            raw = await exchange.body()
            body = bodies.parse(raw, bodies.ChallengeBody) if raw else bodies.ChallengeBody()
            channel = body.channel or ""
            sent = await phone_factors.challenge(self._plane, caller, factor_id, channel, client)
            answer = ChallengedJson(sent.id, sent.type, sent.expires_at)
        else:
            made = await factors.challenge(self._plane, caller, factor_id, client)
            answer = ChallengedJson(made.id, made.type, made.expires_at)
        return Reply(200, _encode(answer), (JSON, NO_STORE))

    @declares(
        who="user",
        takes=bodies.VerifyFactorBody,
        gives=TokenJson,
        refuses="not_for_anonymous factor_id_not_uuid factor_not_found factor_needs_session "
        "totp_verify_off phone_verify_off webauthn_verify_off challenge_not_found "
        "challenge_expired factor_ip_mismatch code_required totp_wrong phone_code_wrong "
        "webauthn_required webauthn_type credential_required credential_rejected "
        "mfa_verification_rejected factor_type refresh_no_session column_unreadable",
        hooks=True,
    )
    async def verify(self, exchange: Exchange) -> Reply:
        """``POST /factors/{factor_id}/verify``: tokens of the lifted session."""
        caller = await self._permanent(exchange)
        body = await bodies.read(exchange, bodies.VerifyFactorBody)
        factor_id, client = exchange.params["factor_id"], client_of(exchange)
        kind = factors.owned(caller.user, factor_id).factor_type
        if kind == "webauthn":
            with_key = _key_attempt(body)
            granted = await webauthn_factors.verify(
                self._plane, caller, factor_id, with_key, client
            )
        else:
            attempt = factors.Attempt(body.challenge_id or "", body.code or "")
            verify = phone_factors.verify if kind == "phone" else factors.verify
            granted = await verify(self._plane, caller, factor_id, attempt, client)
        return granted_reply(granted)

    @declares(
        who="user",
        gives=shapes.DELETED,
        refuses="not_for_anonymous factor_id_not_uuid factor_not_found factor_needs_session "
        "unenroll_needs_aal2",
    )
    async def unenroll(self, exchange: Exchange) -> Reply:
        """``DELETE /factors/{factor_id}``."""
        caller = await self._permanent(exchange)
        factor_id = exchange.params["factor_id"]
        gone = await factors.unenroll(self._plane, caller, factor_id, client_of(exchange))
        return Reply(200, _encode({"id": gone}), (JSON, NO_STORE))

    @declares(
        who="user",
        gives=shapes.EMPTY,
        refuses="manual_linking_disabled identity_id_not_uuid unexpected_audience "
        "single_identity identity_not_found identity_email_conflict updating_user",
        audience=True,
    )
    async def unlink(self, exchange: Exchange) -> Reply:
        """``DELETE /user/identities/{identity_id}``."""
        caller = await self._caller(exchange)
        identity_id, aud = exchange.params["identity_id"], exchange.header(AUDIENCE)
        await identities.unlink(self._plane, caller, identity_id, client_of(exchange), aud)
        return Reply(200, b"{}", (JSON, NO_STORE))
