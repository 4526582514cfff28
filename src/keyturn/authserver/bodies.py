"""Request bodies as typed values.

As in Go, ``null`` and an absent member are the same, unknown members are ignored, and nothing is
converted: a number is not a string.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar

import msgspec

from keyturn.authserver.exchange import Exchange
from keyturn.authserver.problems import BadJson

Body = TypeVar("Body", bound=msgspec.Struct)
Metadata = dict[str, Any]


def _like(**schema: Any) -> msgspec.Meta:
    """Return what the OpenAPI document says about a text; decoding takes any, flows judge it."""
    return msgspec.Meta(extra_json_schema=schema)


Email = Annotated[str, _like(format="email")]
Phone = Annotated[str, _like(pattern=r"^\+?[1-9][0-9]{6,14}$")]
Uuid = Annotated[str, _like(format="uuid")]
Channel = Annotated[str, _like(enum=["sms", "whatsapp"])]
ChallengeMethod = Annotated[str, _like(enum=["s256", "plain"])]
ResendType = Annotated[str, _like(enum=["signup", "email_change", "sms", "phone_change"])]
FactorType = Annotated[str, _like(enum=["totp", "phone", "webauthn"])]
_MAILED: Final = ("signup", "invite", "magiclink", "recovery")
VerifyType = Annotated[
    str,
    _like(
        enum=[
            "signup",
            "invite",
            "recovery",
            "magiclink",
            "email_change",
            "email",
            "sms",
            "phone_change",
        ]
    ),
]
LinkType = Annotated[
    str,
    _like(
        enum=[
            "signup",
            "invite",
            "magiclink",
            "recovery",
            "email_change_current",
            "email_change_new",
        ]
    ),
]


ABSENT = msgspec.Raw(b"null")


class SignUpBody(msgspec.Struct):
    """``POST /signup``."""

    email: Email | None = None
    phone: Phone | None = None
    password: str | None = None
    data: Metadata | None = None
    channel: Channel | None = None
    code_challenge: str | None = None
    code_challenge_method: ChallengeMethod | None = None


class PasswordBody(msgspec.Struct):
    """``POST /token?grant_type=password``."""

    email: Email | None = None
    phone: Phone | None = None
    password: str | None = None


class IdTokenBody(msgspec.Struct):
    """``POST /token?grant_type=id_token``."""

    id_token: str | None = None
    access_token: str | None = None
    nonce: str | None = None
    provider: str | None = None
    client_id: str | None = None
    issuer: str | None = None
    link_identity: bool | None = None


class RefreshBody(msgspec.Struct):
    """``POST /token?grant_type=refresh_token``."""

    refresh_token: str | None = None


class PkceBody(msgspec.Struct):
    """``POST /token?grant_type=pkce``."""

    auth_code: Uuid | None = None
    code_verifier: str | None = None


class RecoverBody(msgspec.Struct):
    """``POST /recover``."""

    email: Email | None = None
    code_challenge: str | None = None
    code_challenge_method: ChallengeMethod | None = None


class OtpBody(msgspec.Struct):
    """``POST /otp`` and ``POST /magiclink``."""

    email: Email | None = None
    phone: Phone | None = None
    create_user: bool | None = None
    data: Metadata | None = None
    channel: Channel | None = None
    code_challenge: str | None = None
    code_challenge_method: ChallengeMethod | None = None


class ResendBody(msgspec.Struct):
    """``POST /resend``."""

    type: ResendType | None = None
    email: Email | None = None
    phone: Phone | None = None
    code_challenge: str | None = None
    code_challenge_method: ChallengeMethod | None = None


class VerifyBody(msgspec.Struct):
    """``POST /verify``."""

    type: VerifyType | None = None
    token: str | None = None
    token_hash: str | None = None
    email: Email | None = None
    phone: Phone | None = None


class InviteBody(msgspec.Struct):
    """``POST /invite``."""

    email: Email | None = None
    data: Metadata | None = None


class LinkBody(msgspec.Struct):
    """``POST /admin/generate_link``."""

    type: LinkType | None = None
    email: Email | None = None
    new_email: Email | None = None
    password: str | None = None
    data: Metadata | None = None
    redirect_to: str | None = None


class UserBody(msgspec.Struct):
    """``PUT /user``."""

    email: Email | None = None
    phone: Phone | None = None
    password: str | None = None
    current_password: str | None = None
    nonce: str | None = None
    data: Metadata | None = None
    app_metadata: Metadata | None = None
    channel: Channel | None = None
    code_challenge: str | None = None
    code_challenge_method: ChallengeMethod | None = None


class AdminUserBody(msgspec.Struct):
    """``POST /admin/users`` and ``PUT /admin/users/{id}``."""

    id: str | None = None
    aud: str | None = None
    role: str | None = None
    email: Email | None = None
    phone: Phone | None = None
    password: str | None = None
    password_hash: str | None = None
    email_confirm: bool | None = None
    phone_confirm: bool | None = None
    user_metadata: Metadata | None = None
    app_metadata: Metadata | None = None
    ban_duration: str | None = None


class FactorBody(msgspec.Struct):
    """``POST /factors``."""

    friendly_name: str | None = None
    factor_type: FactorType | None = None
    issuer: str | None = None
    phone: Phone | None = None


class ChallengeBody(msgspec.Struct):
    """``POST /factors/{id}/challenge``; the body may be missing."""

    channel: Channel | None = None


class CredentialBody(msgspec.Struct):
    """The browser's answer to a challenge of a security key; the answer stays JSON text."""

    type: str | None = None
    credential_response: msgspec.Raw = ABSENT


class VerifyFactorBody(msgspec.Struct):
    """``POST /factors/{id}/verify``."""

    challenge_id: Uuid | None = None
    code: str | None = None
    webauthn: CredentialBody | None = None


class PasskeyBody(msgspec.Struct):
    """``POST /passkeys/…/verify``; the credential has had two names."""

    challenge_id: Uuid | None = None
    credential: msgspec.Raw = ABSENT
    credential_response: msgspec.Raw = ABSENT


class PasskeyNameBody(msgspec.Struct):
    """``PATCH /passkeys/{passkey_id}``."""

    friendly_name: str | None = None


class AdminFactorBody(msgspec.Struct):
    """``PUT /admin/users/{id}/factors/{factor_id}``."""

    friendly_name: str | None = None
    phone: Phone | None = None


class DeleteUserBody(msgspec.Struct):
    """``DELETE /admin/users/{id}``; the body may be missing."""

    should_soft_delete: bool | None = None


def given(raw: msgspec.Raw) -> bytes | None:
    """Return JSON that was left as text; None when it was absent or ``null``."""
    text = bytes(raw)
    return None if text == b"null" else text


async def read(exchange: Exchange, kind: type[Body]) -> Body:
    """Return the body of ``exchange`` as ``kind``; raises ``BadJson`` and ``BodyTooLarge``."""
    return parse(await exchange.body(), kind)


def parse(raw: bytes, kind: type[Body]) -> Body:
    """Return ``raw`` as ``kind``; raises :class:`BadJson` with the reason."""
    try:
        parsed: Body = _decoder(kind).decode(raw)
        return parsed
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        reason = str(wrong) if isinstance(wrong, msgspec.DecodeError) else "invalid UTF-8"
    except RecursionError:
        reason = "nested too deeply"
    raise BadJson(f"Could not parse request body as JSON: {reason}")


@lru_cache
def _decoder(kind: type[Body]) -> msgspec.json.Decoder[Body]:
    return msgspec.json.Decoder(kind)
