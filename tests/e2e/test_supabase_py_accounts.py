"""supabase-py: guests, numbers, identities, second factors and what administrators do to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from supabase import AuthApiError, AuthSessionMissingError, AuthWeakPasswordError, Client
from tests.e2e.conftest import World
from tests.support.apps import refused, unique

from keyturn.accounts import totp

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("world"), pytest.mark.timeout(240)]
PASSWORD = "correct horse battery"
CODE = "123456"  # of GOTRUE_SMS_TEST_OTP
CONFIRM, CHANGE = "Confirm Your Email", "Confirm Email Change"


def member(world: World, name: str, **more: object) -> tuple[Client, str, str]:
    """Make a confirmed account and sign it in; return the client, the address and the id."""
    email = unique(name)
    made = world.apps.admin().auth.admin.create_user(
        {"email": email, "password": PASSWORD, "email_confirm": True, **more}  # type: ignore[typeddict-item]
    )
    app = world.apps.app()
    app.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    return app, email, made.user.id


def claims_of(app: Client) -> dict[str, object]:
    """Return the claims of the current access token, verified by the client."""
    found = app.auth.get_claims()
    assert found
    return dict(found["claims"])


def test_a_guest_becomes_permanent(world: World) -> None:
    app, email = world.apps.app(), unique("guest")
    guest = app.auth.sign_in_anonymously({"options": {"data": {"basket": 3}}})
    assert guest.user
    assert guest.user.is_anonymous
    assert claims_of(app)["is_anonymous"] is True
    with refused("validation_failed"):
        app.auth.update_user({"password": PASSWORD})
    asked = app.auth.update_user({"email": email})
    assert asked.user.is_anonymous, "an address that is not confirmed makes nobody permanent"
    code = world.apps.mail(email, CHANGE).code
    entered = app.auth.verify_otp({"email": email, "token": code, "type": "email_change"})
    assert entered.user
    assert (entered.user.id, entered.user.email) == (guest.user.id, email)
    assert not entered.user.is_anonymous
    assert entered.user.user_metadata["basket"] == 3
    app.auth.update_user({"password": PASSWORD})
    again = world.apps.app().auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert again.user
    assert again.user.id == guest.user.id


def test_a_number_signs_in(world: World) -> None:
    app, phone = world.apps.app(), "+15550000003"
    app.auth.sign_in_with_otp({"phone": phone, "options": {"data": {"name": "Ada"}}})
    with refused("otp_expired"):
        app.auth.verify_otp({"phone": phone, "token": "000000", "type": "sms"})
    entered = app.auth.verify_otp({"phone": phone, "token": CODE, "type": "sms"})
    assert entered.user
    assert entered.user.phone == "15550000003"
    assert entered.user.app_metadata == {"provider": "phone", "providers": ["phone"]}
    with refused("otp_disabled"):
        world.apps.app().auth.sign_in_with_otp(
            {"phone": "+15550000009", "options": {"should_create_user": False}}
        )


def test_a_number_with_a_password(world: World) -> None:
    app, phone = world.apps.app(), "+15550000005"
    number = phone.lstrip("+")
    made = app.auth.sign_up({"phone": phone, "password": PASSWORD})
    assert made.user
    assert made.session is None
    with refused("phone_not_confirmed"):
        app.auth.sign_in_with_password({"phone": phone, "password": PASSWORD})
    first = world.phones.code(number)
    app.auth.resend({"type": "sms", "phone": phone})
    code = world.phones.code(number, 2)
    if first != code:
        with refused("otp_expired"):
            app.auth.verify_otp({"phone": phone, "token": first, "type": "sms"})
    assert app.auth.verify_otp({"phone": phone, "token": code, "type": "sms"}).session
    assert world.apps.app().auth.sign_in_with_password({"phone": phone, "password": PASSWORD}).user


def test_a_number_is_linked_and_unlinked(world: World) -> None:
    app, email, _ = member(world, "number")
    for count, number in enumerate(("15550000004", "15550000007"), 1):
        asked = app.auth.update_user({"phone": f"+{number}"})
        assert asked.user.new_phone == number
        code = world.phones.code(number)
        if count == 2:  # asked for by the number that the account has
            app.auth.resend({"type": "phone_change", "phone": "+15550000004"})
            code = world.phones.code(number, 2)
        app.auth.verify_otp({"phone": f"+{number}", "token": code, "type": "phone_change"})
        world.apps.mail(email, "Your phone number has been changed", count)
    found = {each.provider: each for each in app.auth.get_user_identities().identities}
    assert set(found) == {"email", "phone"}
    app.auth.unlink_identity(found["phone"])
    world.apps.mail(email, "An identity has been unlinked")
    left = app.auth.get_user_identities().identities
    assert [each.provider for each in left] == ["email"]
    with refused("single_identity_not_deletable"):
        app.auth.unlink_identity(left[0])


def test_what_users_may_change(world: World) -> None:
    app, _, _ = member(world, "user")
    changed = app.auth.update_user({"data": {"name": "Ada", "town": "London"}})
    assert changed.user.user_metadata["name"] == "Ada"
    changed = app.auth.update_user({"data": {"town": None}})
    assert "town" not in changed.user.user_metadata
    with refused("same_password"):
        app.auth.update_user({"password": PASSWORD})
    with pytest.raises(AuthWeakPasswordError) as weak:
        app.auth.update_user({"password": "abc"})
    assert weak.value.reasons == ["length"]
    with refused("not_admin"):
        app.auth.update_user({"app_metadata": {"plan": "pro"}})  # type: ignore[typeddict-unknown-key]


def test_a_new_password_ends_the_other_sessions(world: World) -> None:
    app, email, _ = member(world, "leaver")
    other = world.apps.app()
    elsewhere = other.auth.sign_in_with_password({"email": email, "password": PASSWORD}).session
    assert elsewhere
    app.auth.update_user({"password": f"{PASSWORD}!"})
    assert app.auth.get_user()
    assert app.auth.refresh_session().session
    with refused("refresh_token_not_found"):
        other.auth.refresh_session(elsewhere.refresh_token)


def test_signing_out_elsewhere(world: World) -> None:
    here, email, _ = member(world, "others")
    there = world.apps.app()
    there.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    here.auth.sign_out({"scope": "others"})
    assert here.auth.get_user()
    with refused("session_not_found"):
        there.auth.get_user()


def test_a_second_factor(world: World) -> None:
    app, email, user_id = member(world, "mfa")
    factor = app.auth.mfa.enroll({"factor_type": "totp", "issuer": "Keyturn", "friendly_name": "a"})
    assert factor.totp
    assert factor.totp.uri.startswith("otpauth://totp/Keyturn:")
    challenge = app.auth.mfa.challenge({"factor_id": factor.id})
    shown = {"factor_id": factor.id, "challenge_id": challenge.id}
    with refused("mfa_verification_failed"):
        app.auth.mfa.verify({**shown, "code": "abcdef"})  # type: ignore[typeddict-item]
    code = totp.code_at(factor.totp.secret, datetime.now(UTC))
    app.auth.mfa.verify({**shown, "code": code})  # type: ignore[typeddict-item]
    world.apps.mail(email, "A new MFA factor has been enrolled")
    found = claims_of(app)
    assert found["aal"] == "aal2"
    assert app.auth.refresh_session().session, "the refreshed pair replaces the one before"
    assert claims_of(app)["aal"] == "aal2"

    later = world.apps.app()
    later.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    level = later.auth.mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal1", "aal2")
    for forbidden in (
        lambda: later.auth.update_user({"password": f"{PASSWORD}!"}),
        lambda: later.auth.mfa.unenroll({"factor_id": factor.id}),
    ):
        with refused("insufficient_aal"):
            forbidden()

    admin = world.apps.admin().auth.admin
    listed = admin.mfa.list_factors({"user_id": user_id})
    assert [(each.id, each.status) for each in listed] == [(factor.id, "verified")]
    admin.mfa.delete_factor({"user_id": user_id, "id": factor.id})
    assert app.auth.refresh_session().session
    assert claims_of(app)["aal"] == "aal1"


def test_a_phone_as_second_factor(world: World) -> None:
    app, email, _ = member(world, "phone-mfa")
    factor = app.auth.mfa.enroll(
        {"factor_type": "phone", "phone": "+15550000006", "friendly_name": "p"}
    )
    challenge = app.auth.mfa.challenge({"factor_id": factor.id, "channel": "sms"})
    code = world.phones.code("15550000006")
    shown = {"factor_id": factor.id, "challenge_id": challenge.id, "code": code}
    app.auth.mfa.verify(shown)  # type: ignore[arg-type]
    found = claims_of(app)
    assert found["aal"] == "aal2"
    assert "mfa/phone" in json.dumps(found["amr"])
    app.auth.mfa.unenroll({"factor_id": factor.id})
    world.apps.mail(email, "An MFA factor has been unenrolled")
    assert app.auth.mfa.list_factors().all == []


def test_administrators_sign_out_ban_and_delete(world: World) -> None:
    admin = world.apps.admin().auth.admin
    app, email, user_id = member(world, "banned")
    session = app.auth.get_session()
    assert session
    admin.sign_out(session.access_token, "global")
    with refused("session_not_found"):
        app.auth.get_user(session.access_token)
    admin.update_user_by_id(user_id, {"ban_duration": "24h"})
    with refused("user_banned"):
        app.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    freed = admin.update_user_by_id(user_id, {"ban_duration": "none"})
    assert freed.user.banned_until is None
    app.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    admin.delete_user(user_id, should_soft_delete=True)
    gone = admin.get_user_by_id(user_id).user
    assert gone.deleted_at
    assert gone.email != email
    with pytest.raises(AuthApiError):
        app.auth.get_user()
    with refused("not_admin"):
        world.apps.app().auth.admin.list_users()


def test_a_client_without_a_session_is_told_so(world: World) -> None:
    app = world.apps.app()
    assert app.auth.get_user() is None
    with pytest.raises(AuthSessionMissingError):
        app.auth.update_user({"data": {}})


def test_what_is_off_says_so(world: World) -> None:
    app = world.apps.app()
    with refused("saml_provider_disabled"):
        app.auth.sign_in_with_sso({"domain": "example.com"})
