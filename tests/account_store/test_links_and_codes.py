"""Recovery, magic links, codes by SMS, resending, reauthentication: on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.messages import ORIGIN, Post, open_post
from tests.support.plane import BROWSER, OPEN, HasDatabase, registered, signed_in

from keyturn.accounts.errors import AuthError
from keyturn.accounts.message_settings import MessageSettings, SendLimit
from keyturn.flows import otp, reauthenticate, recover, redeem, resend, sign_up, user
from keyturn.flows.otp import Otp
from keyturn.flows.plane import Granted
from keyturn.flows.recover import Recover
from keyturn.flows.redeem import Verify
from keyturn.flows.resend import Resend
from keyturn.flows.user import UserUpdate
from keyturn.jose import jwt

PHONES = replace(OPEN, external_phone_enabled=True, sms_autoconfirm=True)
PENDING = replace(PHONES, mailer_autoconfirm=False, sms_autoconfirm=False)
ADA, NOBODY, PHONE = "ada@example.com", "nobody@example.com", "4915112345"


async def verified(post: Post, **members: str) -> Granted:
    granted = await redeem.verify(post.plane, Verify(**members), BROWSER)
    assert granted is not None
    return granted


async def recovering(post: Post, **members: Any) -> None:
    await recover.recover(post.plane, Recover(**members), ORIGIN, BROWSER)
    await post.afterwards.settle()


async def asked(post: Post, **members: Any) -> str | None:
    return await otp.otp(post.plane, Otp(**members), ORIGIN, BROWSER)


async def resent(post: Post, **members: Any) -> str | None:
    sent = await resend.resend(post.plane, Resend(**members), ORIGIN, BROWSER)
    await post.afterwards.settle()
    return sent


async def fails(work: Any) -> AuthError:
    with pytest.raises(AuthError) as raised:
        await work
    return raised.value


def code_of(post: Post, kind: str) -> str:
    return str(post.outbox.last(kind).values["Token"])


def sms_code(post: Post) -> str:
    return post.outbox.texts[-1][1].removeprefix("Your code is ")


async def test_recovery_signs_in_and_says_how(database: HasDatabase) -> None:
    post = await open_post(database)
    ada = await registered(post.plane, ADA)
    await recovering(post, email="ADA@example.com")
    mail = post.outbox.last("recovery")
    assert (mail.to, mail.subject) == (ADA, "Reset Your Password")
    granted = await verified(post, type="recovery", token=code_of(post, "recovery"), email=ADA)
    assert granted.user.id == ada.user.id
    claims: Any = jwt.peek(granted.access_token).claims
    assert claims["amr"][0]["method"] == "recovery"
    row = await post.plane.pool.fetchrow("select recovery_token, recovery_sent_at from auth.users")
    assert row["recovery_token"] == ""
    actions = await post.plane.pool.fetch(
        "select payload ->> 'action' as action from auth.audit_log_entries"
    )
    assert {"user_recovery_requested", "login"} <= {entry["action"] for entry in actions}


async def test_recovery_tells_nobody_who_has_an_account(database: HasDatabase) -> None:
    """One look for both; what a known account needs beyond it comes after the answer."""
    post = await open_post(database)
    await registered(post.plane, ADA)
    trips = []
    for email in (ADA, NOBODY):
        post.plane.pool.trips = 0
        await recover.recover(post.plane, Recover(email=email), ORIGIN, BROWSER)
        trips.append(post.plane.pool.trips)
        assert post.outbox.mails == []
    assert trips == [1, 1]
    await post.afterwards.settle()
    assert [mail.to for mail in post.outbox.mails] == [ADA]


async def test_recovery_is_limited(database: HasDatabase) -> None:
    post = await open_post(
        database, messages=MessageSettings(mail_limit=SendLimit(1, timedelta(hours=1)))
    )
    await registered(post.plane, ADA)
    post.plane.settings = replace(OPEN, mailer_autoconfirm=False)  # where it is on, none is counted
    await recovering(post, email=ADA)
    for email in (ADA, NOBODY):  # the budget is used up for everybody
        error = await fails(recovering(post, email=email))
        assert (error.status, error.message) == (429, "email rate limit exceeded")
    post.plane.clock.forward(hours=2)
    await recovering(post, email=ADA)
    post.plane.clock.forward(seconds=20.5)
    limits = post.plane.messages
    assert limits is not None
    limits.settings = MessageSettings()
    await post.plane.pool.execute("delete from keyturn.send_budgets")
    error = await fails(recovering(post, email=ADA))
    assert (error.status, error.error_code) == (429, "over_email_send_rate_limit")
    assert error.message == "For security purposes, you can only request this after 40 seconds."


async def test_requests_that_race_send_one_mail(database: HasDatabase) -> None:
    post = await open_post(database)
    await registered(post.plane, ADA)
    for _ in range(3):
        await recover.recover(post.plane, Recover(email=ADA), ORIGIN, BROWSER)
    await post.afterwards.settle()
    assert len(post.outbox.mails) == 1
    codes = [getattr(failure, "error_code", "") for failure in post.afterwards.failures]
    assert codes == ["over_email_send_rate_limit"] * 2


@pytest.mark.parametrize(
    ("members", "status", "words"),
    [
        ({}, 400, "Password recovery requires an email"),
        ({"email": "x y"}, 400, "invalid format"),
        ({"email": ADA, "code_challenge": "short", "code_challenge_method": "s256"}, 400, "43"),
    ],
)
async def test_recovery_that_is_refused(
    database: HasDatabase, members: dict[str, str], status: int, words: str
) -> None:
    error = await fails(recovering(await open_post(database), **members))
    assert (error.status, error.error_code) == (status, "validation_failed")
    assert words in error.message


async def test_a_magic_link_signs_a_known_user_in(database: HasDatabase) -> None:
    post = await open_post(database)
    ada = await registered(post.plane, ADA)
    assert await asked(post, email=ADA, create_user=False) is None
    granted = await verified(post, type="email", token=code_of(post, "magic_link"), email=ADA)
    assert granted.user.id == ada.user.id
    assert jwt.peek(granted.access_token).claims["amr"][0]["method"] == "otp"  # type: ignore[index]


@pytest.mark.parametrize("settings", [OPEN, PENDING], ids=["autoconfirm", "confirmation"])
async def test_a_magic_link_makes_an_account(database: HasDatabase, settings: Any) -> None:
    post = await open_post(database, settings)
    await asked(post, email="new@example.com", data={"name": "New"})
    kind = "magic_link" if settings.mailer_autoconfirm else "confirmation"
    token = code_of(post, kind)
    granted = await verified(post, type="email", token=token, email="new@example.com")
    claims: Any = jwt.peek(granted.access_token).claims
    assert claims["user_metadata"]["name"] == "New"
    stored = await post.plane.pool.fetchval("select encrypted_password from auth.users")
    assert stored == ""


async def test_an_unconfirmed_account_gets_its_confirmation_again(database: HasDatabase) -> None:
    post = await open_post(database, PENDING)
    await asked(post, email=ADA)
    error = await fails(asked(post, email=ADA))
    assert error.error_code == "over_email_send_rate_limit"
    post.plane.clock.forward(minutes=2)
    await asked(post, email=ADA)
    assert [mail.kind for mail in post.outbox.mails] == ["confirmation", "confirmation"]


async def test_a_mail_server_that_is_away_is_told(database: HasDatabase) -> None:
    post = await open_post(database)
    await registered(post.plane, ADA)
    post.outbox.broken = True
    error = await fails(asked(post, email=ADA))
    assert (error.status, error.error_code) == (500, "unexpected_failure")
    assert error.message == "Error sending magic link email"
    post.outbox.broken = False
    await asked(post, email=ADA)  # at once: the failed one does not count


async def test_codes_by_sms(database: HasDatabase) -> None:
    post = await open_post(database, PENDING)
    assert not await asked(post, phone=PHONE)
    first = await verified(post, type="sms", token=sms_code(post), phone=PHONE)
    post.plane.clock.forward(minutes=2)
    assert await asked(post, phone=PHONE, create_user=False) == "SM2"
    again = await verified(post, type="sms", token=sms_code(post), phone=f"+{PHONE}")
    assert again.user.id == first.user.id
    post.plane.clock.forward(minutes=2)
    await asked(post, phone=PHONE)
    post.plane.clock.forward(seconds=60)  # SMS codes are good for a minute
    late = redeem.verify(post.plane, Verify(type="sms", token=sms_code(post), phone=PHONE), BROWSER)
    assert (await fails(late)).error_code == "otp_expired"


async def test_sms_limits_and_failures(database: HasDatabase) -> None:
    limits = MessageSettings(sms_limit=SendLimit(2, timedelta(hours=1)))
    post = await open_post(database, PENDING, limits)
    await asked(post, phone=PHONE)
    soon = await fails(asked(post, phone=PHONE))
    assert (soon.status, soon.error_code) == (429, "over_sms_send_rate_limit")
    post.outbox.broken = True
    broken = await fails(asked(post, phone="4915100000"))
    assert (broken.status, broken.error_code) == (422, "sms_send_failed")
    post.outbox.broken = False
    await asked(post, phone="4915100000")
    over = await fails(asked(post, phone="4915100001"))
    assert (over.status, over.error_code) == (429, "over_sms_send_rate_limit")


async def test_numbers_for_tests_have_a_fixed_code(database: HasDatabase) -> None:
    until = (await open_post(database)).plane.clock.now + timedelta(hours=1)
    fixed = MessageSettings(sms_test_codes={PHONE: "424242"}, sms_test_until=until)
    post = await open_post(database, PENDING, fixed)
    await asked(post, phone=PHONE)
    assert post.outbox.texts == []
    wrong = redeem.verify(post.plane, Verify(type="sms", token="111111", phone=PHONE), BROWSER)
    assert (await fails(wrong)).error_code == "otp_expired"
    await verified(post, type="sms", token="424242", phone=PHONE)
    post.plane.clock.forward(hours=2)
    await asked(post, phone=PHONE)
    assert len(post.outbox.texts) == 1
    late = redeem.verify(post.plane, Verify(type="sms", token="424242", phone=PHONE), BROWSER)
    if sms_code(post) != "424242":
        assert (await fails(late)).error_code == "otp_expired"


@pytest.mark.parametrize(
    ("settings", "members", "status", "code"),
    [
        (PENDING, {}, 400, "validation_failed"),
        (PENDING, {"email": ADA, "phone": PHONE}, 400, "validation_failed"),
        (PENDING, {"email": ADA, "channel": "sms"}, 400, "validation_failed"),
        (PENDING, {"phone": PHONE, "channel": "pigeon"}, 400, "validation_failed"),
        (PENDING, {"phone": "x"}, 400, "validation_failed"),
        (PENDING, {"email": NOBODY, "create_user": False}, 422, "otp_disabled"),
        (PENDING, {"phone": PHONE, "create_user": False}, 422, "otp_disabled"),
        (replace(PENDING, disable_signup=True), {"email": NOBODY}, 422, "signup_disabled"),
        (
            replace(PENDING, external_email_enabled=False),
            {"email": ADA},
            422,
            "email_provider_disabled",
        ),
        (OPEN, {"phone": PHONE}, 400, "phone_provider_disabled"),
    ],
)
async def test_codes_that_are_not_sent(
    database: HasDatabase, settings: Any, members: dict[str, Any], status: int, code: str
) -> None:
    post = await open_post(database, settings)
    error = await fails(asked(post, **members))
    assert (error.status, error.error_code) == (status, code)
    assert (post.outbox.mails, post.outbox.texts) == ([], [])


async def test_resending_what_somebody_waits_for(database: HasDatabase) -> None:
    post = await open_post(database, PENDING)
    await asked(post, email=ADA)
    await asked(post, phone=PHONE)
    soon = await fails(resent(post, type="signup", email=ADA))
    assert soon.error_code == "over_email_send_rate_limit"
    post.plane.clock.forward(minutes=2)
    assert await resent(post, type="signup", email=ADA) is None
    assert await resent(post, type="sms", phone=PHONE) == "SM2"
    await verified(post, type="signup", token=code_of(post, "confirmation"), email=ADA)
    await verified(post, type="sms", token=sms_code(post), phone=PHONE)
    sent = len(post.outbox.mails), len(post.outbox.texts)
    post.plane.clock.forward(minutes=2)
    for kind in ("signup", "email_change"):  # nothing waits, nobody is there: the same answer
        assert await resent(post, type=kind, email=ADA) is None
        assert await resent(post, type=kind, email=NOBODY) is None
    for kind in ("sms", "phone_change"):
        assert await resent(post, type=kind, phone=PHONE) is None
        assert await resent(post, type=kind, phone="4915100000") is None
    assert (len(post.outbox.mails), len(post.outbox.texts)) == sent


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({}, "validation_failed", "Missing one of these types"),
        ({"type": "recovery", "email": ADA}, "validation_failed", "Missing one of these types"),
        ({"type": "signup", "phone": PHONE}, "validation_failed", "requires an email address"),
        ({"type": "sms", "email": ADA}, "validation_failed", "requires a phone number"),
        ({"type": "signup", "email": ADA, "phone": PHONE}, "validation_failed", "Only an email"),
        ({"type": "email_change"}, "validation_failed", "Missing email address"),
    ],
)
async def test_resending_that_is_refused(
    database: HasDatabase, members: dict[str, str], code: str, words: str
) -> None:
    error = await fails(resent(await open_post(database, PENDING), **members))
    assert (error.status, error.error_code) == (400, code)
    assert words in error.message


async def test_resending_where_a_way_is_off(database: HasDatabase) -> None:
    off = replace(PENDING, external_email_enabled=False, external_phone_enabled=False)
    post = await open_post(database, off)
    email = await fails(resent(post, type="signup", email=ADA))
    phone = await fails(resent(post, type="sms", phone=PHONE))
    assert (email.error_code, phone.error_code) == (
        "email_provider_disabled",
        "phone_provider_disabled",
    )


CAREFUL = replace(PHONES, password_needs_reauthentication=True)


async def test_a_nonce_allows_a_new_password_in_an_old_session(database: HasDatabase) -> None:
    post = await open_post(database, CAREFUL)
    ada = await registered(post.plane, ADA)
    post.plane.settings = replace(CAREFUL, jwt_exp=10**6)
    ada = await signed_in(post.plane, ADA)
    post.plane.clock.forward(hours=25)
    caller = await user.authenticate(post.plane, f"Bearer {ada.access_token}")
    needed = user.update(post.plane, caller, UserUpdate(password="a new secret"), BROWSER)
    assert (await fails(needed)).error_code == "reauthentication_needed"
    await reauthenticate.reauthenticate(post.plane, caller, ORIGIN, BROWSER)
    nonce = code_of(post, "reauthentication")
    assert post.outbox.mails[-1].values["ConfirmationURL"] == ""
    again = reauthenticate.reauthenticate(post.plane, caller, ORIGIN, BROWSER)
    assert (await fails(again)).error_code == "over_email_send_rate_limit"
    wrong = "000000" if nonce != "000000" else "111111"
    update = UserUpdate(password="a new secret", nonce=wrong)
    refused = await fails(user.update(post.plane, caller, update, BROWSER))
    assert (refused.status, refused.error_code) == (422, "reauthentication_not_valid")
    await user.update(post.plane, caller, replace(update, nonce=nonce), BROWSER)
    assert (await signed_in(post.plane, ADA, "a new secret")).user.id == ada.user.id
    used = UserUpdate(password="another secret", nonce=nonce)
    assert (await fails(user.update(post.plane, caller, used, BROWSER))).error_code == (
        "reauthentication_not_valid"
    )


async def test_reauthentication_by_sms_and_for_nobody(database: HasDatabase) -> None:
    post = await open_post(database, replace(CAREFUL, anonymous_users_enabled=True))
    plane = post.plane
    granted = await sign_up.sign_up(plane, sign_up.SignUp("", PHONE, "correct horse"), BROWSER)
    caller = await user.authenticate(plane, f"Bearer {granted.access_token}")
    assert await reauthenticate.reauthenticate(plane, caller, ORIGIN, BROWSER) == "SM1"
    await plane.pool.execute("update auth.users set phone_confirmed_at = null")
    caller = await user.authenticate(plane, f"Bearer {granted.access_token}")
    unconfirmed = await fails(reauthenticate.reauthenticate(plane, caller, ORIGIN, BROWSER))
    assert (unconfirmed.status, unconfirmed.error_code) == (422, "phone_not_confirmed")
    nobody = await sign_up.sign_up(plane, sign_up.SignUp(), BROWSER)
    caller = await user.authenticate(plane, f"Bearer {nobody.access_token}")
    error = await fails(reauthenticate.reauthenticate(plane, caller, ORIGIN, BROWSER))
    assert (error.status, error.error_code) == (400, "validation_failed")
    ada = await registered(plane, ADA)
    await plane.pool.execute("update auth.users set email_confirmed_at = null")
    caller = await user.authenticate(plane, f"Bearer {ada.access_token}")
    error = await fails(reauthenticate.reauthenticate(plane, caller, ORIGIN, BROWSER))
    assert (error.status, error.error_code) == (422, "email_not_confirmed")
    assert error.message == "Please verify your email first."
