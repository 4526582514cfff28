"""An account as flows see it, and as GoTrue writes it on the wire (gotrue.md §4.1 *User*)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from keyturn.accounts.timestamps import optional_rfc3339, rfc3339

_NULL: Final = msgspec.Raw(b"null")


class Identity(msgspec.Struct, frozen=True):
    """One way to sign in; ``identity_data`` is JSON text passed through untouched."""

    identity_id: str
    provider_id: str
    user_id: str
    identity_data: msgspec.Raw
    provider: str
    last_sign_in_at: datetime | None
    created_at: datetime
    updated_at: datetime
    email: str | None = None


class Factor(msgspec.Struct, frozen=True):
    """One MFA factor; the secret is never loaded."""

    id: str
    created_at: datetime
    updated_at: datetime
    status: str
    factor_type: str
    friendly_name: str | None = None
    phone: str | None = None
    last_challenged_at: datetime | None = None
    web_authn_aaguid: str | None = None
    last_webauthn_challenge_data: msgspec.Raw = _NULL


class User(msgspec.Struct, frozen=True):
    """One row of ``auth.users`` with its identities and factors.

    Ids are lower-case hyphenated UUID text. Metadata is JSON text (an object). The order of the
    fields is the order of the columns of ``keyturn.account`` (migration 0020) and of the wire.
    """

    id: str
    aud: str
    role: str
    email: str
    email_confirmed_at: datetime | None
    invited_at: datetime | None
    phone: str
    phone_confirmed_at: datetime | None
    confirmation_sent_at: datetime | None
    confirmed_at: datetime | None
    recovery_sent_at: datetime | None
    new_email: str | None
    email_change_sent_at: datetime | None
    new_phone: str | None
    phone_change_sent_at: datetime | None
    reauthentication_sent_at: datetime | None
    last_sign_in_at: datetime | None
    app_metadata: msgspec.Raw
    user_metadata: msgspec.Raw
    factors: tuple[Factor, ...]
    identities: tuple[Identity, ...]
    created_at: datetime
    updated_at: datetime
    banned_until: datetime | None
    deleted_at: datetime | None
    is_anonymous: bool
    is_sso_user: bool = False

    def banned_at(self, now: datetime) -> bool:
        """Tell whether the ban is still running at ``now``."""
        return self.banned_until is not None and now < self.banned_until

    def has_verified_factor(self) -> bool:
        """Tell whether the account has completed the enrolment of any MFA factor."""
        return any(factor.status == "verified" for factor in self.factors)


class IdentityJson(msgspec.Struct):
    """Wire form of an identity: ``id`` is the provider's id, ``identity_id`` the row's."""

    identity_id: str
    id: str
    user_id: str
    identity_data: msgspec.Raw
    provider: str
    last_sign_in_at: str | msgspec.UnsetType
    created_at: str
    updated_at: str
    email: str | msgspec.UnsetType


class FactorJson(msgspec.Struct):
    """Wire form of an MFA factor."""

    id: str
    created_at: str
    updated_at: str
    status: str
    friendly_name: str | msgspec.UnsetType
    factor_type: str
    phone: str | None
    last_challenged_at: str | None
    web_authn_aaguid: str | msgspec.UnsetType
    last_webauthn_challenge_data: msgspec.Raw | msgspec.UnsetType


class UserJson(msgspec.Struct):
    """Wire form of a user in GoTrue's order; members that are None are left out."""

    id: str
    aud: str
    role: str
    email: str
    email_confirmed_at: str | msgspec.UnsetType
    invited_at: str | msgspec.UnsetType
    phone: str
    phone_confirmed_at: str | msgspec.UnsetType
    confirmation_sent_at: str | msgspec.UnsetType
    confirmed_at: str | msgspec.UnsetType
    recovery_sent_at: str | msgspec.UnsetType
    new_email: str | msgspec.UnsetType
    email_change_sent_at: str | msgspec.UnsetType
    new_phone: str | msgspec.UnsetType
    phone_change_sent_at: str | msgspec.UnsetType
    reauthentication_sent_at: str | msgspec.UnsetType
    last_sign_in_at: str | msgspec.UnsetType
    app_metadata: msgspec.Raw
    user_metadata: msgspec.Raw
    factors: list[FactorJson] | msgspec.UnsetType
    identities: list[IdentityJson]
    created_at: str
    updated_at: str
    banned_until: str | msgspec.UnsetType
    deleted_at: str | msgspec.UnsetType
    is_anonymous: bool


def _time(moment: datetime | None) -> str | msgspec.UnsetType:
    return msgspec.UNSET if moment is None else rfc3339(moment)


def _identity_json(identity: Identity) -> IdentityJson:
    return IdentityJson(
        identity_id=identity.identity_id,
        id=identity.provider_id,
        user_id=identity.user_id,
        identity_data=identity.identity_data,
        provider=identity.provider,
        last_sign_in_at=_time(identity.last_sign_in_at),
        created_at=rfc3339(identity.created_at),
        updated_at=rfc3339(identity.updated_at),
        email=identity.email or msgspec.UNSET,
    )


def factor_json(factor: Factor) -> FactorJson:
    """Return a factor as the admin API and ``GET /user`` show it."""
    last = factor.last_webauthn_challenge_data
    return FactorJson(
        id=factor.id,
        created_at=rfc3339(factor.created_at),
        updated_at=rfc3339(factor.updated_at),
        status=factor.status,
        friendly_name=factor.friendly_name or msgspec.UNSET,
        factor_type=factor.factor_type,
        phone=factor.phone,
        last_challenged_at=optional_rfc3339(factor.last_challenged_at),
        web_authn_aaguid=factor.web_authn_aaguid or msgspec.UNSET,
        last_webauthn_challenge_data=msgspec.UNSET if bytes(last) == b"null" else last,
    )


def user_json(user: User) -> UserJson:
    """Return what ``GET /user`` answers and what ``user`` is in a token response."""
    return UserJson(
        user.id,
        user.aud,
        user.role,
        user.email,
        _time(user.email_confirmed_at),
        _time(user.invited_at),
        user.phone,
        _time(user.phone_confirmed_at),
        _time(user.confirmation_sent_at),
        _time(user.confirmed_at),
        _time(user.recovery_sent_at),
        user.new_email or msgspec.UNSET,
        _time(user.email_change_sent_at),
        user.new_phone or msgspec.UNSET,
        _time(user.phone_change_sent_at),
        _time(user.reauthentication_sent_at),
        _time(user.last_sign_in_at),
        user.app_metadata,
        user.user_metadata,
        [factor_json(factor) for factor in user.factors] or msgspec.UNSET,
        [_identity_json(identity) for identity in user.identities],
        rfc3339(user.created_at),
        rfc3339(user.updated_at),
        _time(user.banned_until),
        _time(user.deleted_at),
        user.is_anonymous,
    )
