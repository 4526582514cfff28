"""Claims and wire forms without a database: order, omission, assurance levels."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.support.plane import OPEN, START

from keyturn.accounts.claims import access_claims, lifetime
from keyturn.accounts.sessions import Amr, Session
from keyturn.accounts.settings import AuthSettings
from keyturn.accounts.user import Factor, Identity, User, user_json

RAW = msgspec.Raw(b"{}")
NOW = int(START.timestamp())


def identity(provider: str) -> Identity:
    return Identity("i", "p", "u", RAW, provider, None, START, START)


def user(**changes: Any) -> User:
    members: dict[str, Any] = dict.fromkeys(User.__struct_fields__)
    members |= {
        "id": "u",
        "aud": "authenticated",
        "role": "authenticated",
        "email": "",
        "phone": "",
        "app_metadata": RAW,
        "user_metadata": RAW,
        "factors": (),
        "identities": (),
        "created_at": START,
        "updated_at": START,
        "is_anonymous": False,
        "is_sso_user": False,
    }
    return User(**(members | changes))


def claims(who: User, session: Session, settings: AuthSettings = OPEN) -> dict[str, object]:
    return access_claims(settings, who, session, lifetime(settings, who, session, START))


def test_oauth_sessions_end_with_client_and_scope() -> None:
    session = Session("s", START, (Amr("password", 1),), "client", "openid email")
    found = claims(user(), session)
    assert list(found)[-3:] == ["is_anonymous", "client_id", "scope"]
    assert (found["client_id"], found["scope"]) == ("client", "openid email")


def test_an_empty_issuer_is_left_out() -> None:
    found = claims(user(), Session("s", START), AuthSettings())
    assert next(iter(found)) == "sub"


@pytest.mark.parametrize(
    ("methods", "level"),
    [
        ((), "aal1"),
        (("password",), "aal1"),
        (("recovery", "otp"), "aal1"),
        (("password", "totp"), "aal2"),
        (("mfa/phone",), "aal2"),
        (("mfa/webauthn",), "aal2"),
    ],
)
def test_the_assurance_level_follows_from_the_methods(methods: tuple[str, ...], level: str) -> None:
    session = Session("s", START, tuple(Amr(method, 1) for method in methods))
    assert claims(user(), session)["aal"] == level


def test_only_sso_methods_name_their_provider() -> None:
    session = Session("s", START, (Amr("sso/saml", 2), Amr("password", 1)))
    who = user(identities=(identity("email"), identity("sso:7f3a")))
    assert claims(who, session)["amr"] == [
        {"method": "sso/saml", "timestamp": 2, "provider": "7f3a"},
        {"method": "password", "timestamp": 1},
    ]


@pytest.mark.parametrize(
    ("status", "methods", "life"),
    [
        ("verified", ("password",), 900),
        ("unverified", ("password",), 3600),
        ("verified", ("password", "totp"), 3600),
    ],
)
def test_tokens_do_not_outlive_the_low_assurance_time(
    status: str, methods: tuple[str, ...], life: int
) -> None:
    settings = AuthSettings(sessions_low_aal=timedelta(minutes=20))
    who = user(factors=(Factor("f", START, START, status, "totp"),))
    amr = tuple(Amr(method, 1) for method in methods)
    session = Session("s", START - timedelta(minutes=5), amr)
    issued, expires = lifetime(settings, who, session, START)
    assert (issued, expires - issued) == (NOW, life)


def test_what_is_not_there_is_left_out_of_the_user() -> None:
    shown = msgspec.json.decode(msgspec.json.encode(user_json(user())))
    assert list(shown) == [
        "id", "aud", "role", "email", "phone", "app_metadata", "user_metadata", "identities",
        "created_at", "updated_at", "is_anonymous",
    ]  # fmt: skip


def test_a_full_user_has_gotrues_order_and_no_secrets() -> None:
    times = {
        name: START
        for name in User.__struct_fields__
        if name.endswith(("_at", "_until")) and name not in {"created_at", "updated_at"}
    }
    full = user(
        email="a@b.co",
        phone="49",
        new_email="n@b.co",
        new_phone="50",
        factors=(Factor("f", START, START, "verified", "totp", "phone"),),
        identities=(identity("email"),),
        **times,
    )
    shown = msgspec.json.decode(msgspec.json.encode(user_json(full)))
    assert list(shown) == [
        "id", "aud", "role", "email", "email_confirmed_at", "invited_at", "phone",
        "phone_confirmed_at", "confirmation_sent_at", "confirmed_at", "recovery_sent_at",
        "new_email", "email_change_sent_at", "new_phone", "phone_change_sent_at",
        "reauthentication_sent_at", "last_sign_in_at", "app_metadata", "user_metadata", "factors",
        "identities", "created_at", "updated_at", "banned_until", "deleted_at", "is_anonymous",
    ]  # fmt: skip
    assert list(shown["factors"][0]) == [
        "id", "created_at", "updated_at", "status", "friendly_name", "factor_type", "phone",
        "last_challenged_at",
    ]  # fmt: skip
