"""Sign-up with confirmation, by mail and by SMS, on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.support.messages import ORIGIN, Post, link_of, open_post
from tests.support.plane import BROWSER, OPEN, PASSWORD, HasDatabase, signed_in

from keyturn.accounts import one_time
from keyturn.accounts.errors import AuthError
from keyturn.accounts.message_settings import MessageSettings, SendLimit
from keyturn.accounts.user import User, user_json
from keyturn.flows import redeem
from keyturn.flows.plane import Granted
from keyturn.flows.redeem import Verify
from keyturn.flows.sign_up import SignUp
from keyturn.flows.sign_up_pending import enter
from keyturn.jose import jwt

MAILED = replace(OPEN, mailer_autoconfirm=False, external_phone_enabled=True)
ADA = "ada@example.com"
PHONE = "4915112345"


async def signed_up(post: Post, **members: Any) -> User:
    """Sign up, let the mail leave, and return the account that waits."""
    wanted = SignUp(**{"email": ADA, "password": PASSWORD, **members})
    entered = await enter(post.plane, wanted, ORIGIN, BROWSER)
    assert isinstance(entered, User)
    await post.afterwards.settle()
    return entered


async def redeemed(post: Post, **members: str) -> Granted:
    granted = await redeem.verify(post.plane, Verify(**members), BROWSER)
    assert granted is not None
    return granted


async def refused(post: Post, **members: str) -> AuthError:
    with pytest.raises(AuthError) as raised:
        await redeem.verify(post.plane, Verify(**members), BROWSER)
    return raised.value


async def refused_sign_up(post: Post, **members: Any) -> AuthError:
    with pytest.raises(AuthError) as raised:
        await signed_up(post, **members)
    return raised.value


async def test_the_mail_has_what_gotrues_templates_use(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    user = await signed_up(post, data={"name": "Ada"})
    mail = post.outbox.last("confirmation")
    assert mail.to == mail.values["SendingTo"] == mail.values["Email"] == ADA
    assert mail.subject == "Confirm Your Email"
    data: Any = mail.values["Data"]
    assert data["name"] == "Ada"
    code = str(mail.values["Token"])
    assert mail.values["TokenHash"] == one_time.token_hash(ADA, code)
    assert str(mail.values["ConfirmationURL"]).startswith(f"{ORIGIN.external_url}/verify?token=")
    assert link_of(mail) == {
        "token": mail.values["TokenHash"],
        "type": "signup",
        "redirect_to": ORIGIN.redirect_to,
    }
    shown = msgspec.json.decode(msgspec.json.encode(user_json(user)))
    assert "confirmation_sent_at" in shown
    assert "email_confirmed_at" not in shown
    assert shown["identities"][0]["provider"] == "email"


async def test_tokens_are_kept_as_gotrue_keeps_them(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    user = await signed_up(post)
    hashed = post.outbox.mails[0].values["TokenHash"]
    row = await post.plane.pool.fetchrow("select * from auth.one_time_tokens")
    assert str(row["user_id"]) == user.id
    assert (row["token_type"], row["token_hash"]) == ("confirmation_token", hashed)
    assert row["relates_to"] == ADA
    assert row["created_at"] == post.plane.clock.now.replace(tzinfo=None)
    kept = await post.plane.pool.fetchrow("select * from auth.users")
    assert kept["confirmation_token"] == hashed
    assert kept["confirmation_sent_at"] == post.plane.clock.now
    actions = await post.plane.pool.fetch("select payload->>'action' a from auth.audit_log_entries")
    assert [entry["a"] for entry in actions] == ["user_confirmation_requested"]


@pytest.mark.parametrize("how", ["code", "code of type email", "hash"])
async def test_confirming_signs_in_once(database: HasDatabase, how: str) -> None:
    post = await open_post(database, MAILED)
    await signed_up(post)
    with pytest.raises(AuthError) as raised:
        await signed_in(post.plane, ADA)
    assert raised.value.error_code == "email_not_confirmed"
    values = post.outbox.mails[0].values
    by_code = {"token": str(values["Token"]), "email": "Ada@Example.com"}
    shown = {
        "code": {"type": "signup", **by_code},
        "code of type email": {"type": "email", **by_code},
        "hash": {"type": "signup", "token_hash": str(values["TokenHash"])},
    }[how]
    granted = await redeemed(post, **shown)
    assert granted.user.email_confirmed_at == post.plane.clock.now
    claims: Any = jwt.peek(granted.access_token).claims
    assert claims["amr"][0]["method"] == "otp"
    assert claims["user_metadata"]["email_verified"] is True
    again = await refused(post, **shown)
    assert (again.status, again.error_code) == (403, "otp_expired")
    assert await post.plane.pool.fetchval("select count(*) from auth.one_time_tokens") == 0
    assert (await signed_in(post.plane, ADA)).user.id == granted.user.id


async def test_words_of_codes_and_links_that_do_not_fit(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    await signed_up(post)
    values = post.outbox.mails[0].values
    wrong = "000000" if values["Token"] != "000000" else "111111"
    by_code = await refused(post, type="signup", token=wrong, email=ADA)
    assert by_code.message == "Token has expired or is invalid"
    unknown = await refused(post, type="signup", token=wrong, email="nobody@example.com")
    assert (unknown.status, unknown.message) == (by_code.status, by_code.message)
    by_hash = await refused(post, type="signup", token_hash="0" * 56)
    assert by_hash.message == "Email link is invalid or has expired"
    other_type = await refused(post, type="recovery", token_hash=str(values["TokenHash"]))
    assert other_type.error_code == "otp_expired"
    post.plane.clock.forward(seconds=86_400)
    late = await refused(post, type="signup", token=str(values["Token"]), email=ADA)
    assert late.error_code == "otp_expired"


async def test_a_banned_account_is_not_let_in(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    await signed_up(post)
    await post.plane.pool.execute("update auth.users set banned_until = '2030-01-01'")
    code = str(post.outbox.mails[0].values["Token"])
    error = await refused(post, type="signup", token=code, email=ADA)
    assert (error.status, error.error_code) == (403, "user_banned")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "Verify requires a verification type"),
        ({"type": "signup"}, "Verify requires a token or a token hash"),
        ({"type": "signup", "token": "1", "token_hash": "2"}, "Only the token_hash and type"),
        ({"type": "signup", "token_hash": "2", "email": ADA}, "Only the token_hash and type"),
        ({"type": "signup", "token": "1"}, "Only an email address or phone number"),
        ({"type": "signup", "token": "1", "email": ADA, "phone": PHONE}, "Only an email address"),
        ({"type": "nonsense", "token": "1", "email": ADA}, "Unsupported verification type"),
        ({"type": "sms", "token": "1", "email": ADA}, "Invalid email verification type"),
        ({"type": "sms", "token_hash": "1"}, "Invalid email verification type"),
        ({"type": "signup", "token": "1", "phone": PHONE}, "Invalid sms verification type"),
        ({"type": "nonsense", "token": "1", "phone": PHONE}, "Unsupported verification type"),
    ],
)
async def test_malformed_requests(
    database: HasDatabase, members: dict[str, str], words: str
) -> None:
    error = await refused(await open_post(database, MAILED), **members)
    assert (error.status, error.error_code) == (400, "validation_failed")
    assert words in error.message


async def test_a_known_address_looks_like_a_new_one(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    first = await signed_up(post, data={"name": "Ada"})
    await redeemed(post, type="signup", token=str(post.outbox.mails[0].values["Token"]), email=ADA)
    before = await post.plane.pool.fetchrow("select * from auth.users")
    post.outbox.mails.clear()
    again = await signed_up(post, data={"name": "Eve"}, password="an attacker's")
    assert post.outbox.mails == []
    assert again.id != first.id
    assert again.identities == ()
    new = await signed_up(post, email="new@example.com", data={"name": "Eve"})
    differing = {
        name for name in User.__struct_fields__ if getattr(again, name) != getattr(new, name)
    }
    assert differing == {"id", "email", "user_metadata", "identities"}
    kept = await post.plane.pool.fetchrow("select * from auth.users where email = $1", ADA)
    assert kept["encrypted_password"] == before["encrypted_password"]
    assert kept["raw_user_meta_data"] == before["raw_user_meta_data"]


async def test_known_and_unknown_addresses_cost_the_same(database: HasDatabase) -> None:
    """One look, one hash and one write before the answer; the mail comes after it."""
    post = await open_post(database, MAILED)
    await signed_up(post)
    await redeemed(post, type="signup", token=str(post.outbox.mails[0].values["Token"]), email=ADA)
    hashes = 0
    hashed = post.plane.hasher.hash

    class Counting:
        async def hash(self, password: str) -> str:
            nonlocal hashes
            hashes += 1
            return await hashed(password)

    post.plane.hasher = Counting()  # type: ignore[assignment]
    costs = []
    for email in (ADA, "new@example.com"):
        post.plane.pool.trips, hashes, sent = 0, 0, len(post.outbox.mails)
        await enter(post.plane, SignUp(email, "", PASSWORD), ORIGIN, BROWSER)
        assert len(post.outbox.mails) == sent
        costs.append((post.plane.pool.trips, hashes))
        await post.afterwards.settle()
    assert costs == [(2, 1), (2, 1)]


async def test_signing_up_again_sends_again_and_changes_nothing(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    first = await signed_up(post)
    early = await refused_sign_up(post, password="another one")
    assert (early.status, early.error_code) == (429, "over_email_send_rate_limit")
    assert early.message == ("For security purposes, you can only request this after 60 seconds.")
    post.plane.clock.forward(seconds=61)
    again = await signed_up(post, password="another one")
    assert again.id == first.id
    stale, fresh = (str(mail.values["Token"]) for mail in post.outbox.mails)
    if stale != fresh:
        assert (await refused(post, type="signup", token=stale, email=ADA)).status == 403
    await redeemed(post, type="signup", token=fresh, email=ADA)
    assert (await signed_in(post.plane, ADA, PASSWORD)).user.id == first.id


async def test_a_mail_that_does_not_leave_can_be_asked_for_at_once(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    post.outbox.broken = True
    await signed_up(post)
    assert [str(failure) for failure in post.afterwards.failures] == [
        "Error sending confirmation email"
    ]
    post.outbox.broken = False
    await signed_up(post)
    assert len(post.outbox.mails) == 1


async def test_the_budget_is_shared_and_fills_again(database: HasDatabase) -> None:
    limits = MessageSettings(mail_limit=SendLimit(2, timedelta(hours=1)))
    one = await open_post(database, MAILED, limits)
    two = await open_post(database, MAILED, limits)
    await signed_up(one, email="a@example.com")
    await signed_up(two, email="b@example.com")
    for post, email in ((one, "c@example.com"), (two, "a@example.com")):
        error = await refused_sign_up(post, email=email)
        assert (error.status, error.error_code) == (429, "over_email_send_rate_limit")
        assert error.message == "email rate limit exceeded"
    assert await one.plane.pool.fetchval("select count(*) from auth.users") == 2
    one.plane.clock.forward(minutes=31)
    await signed_up(one, email="c@example.com")


async def test_without_a_mail_server_it_says_so(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    assert post.plane.messages is not None
    post.plane.messages.mailer = None
    error = await refused_sign_up(post)
    assert (error.status, error.error_code) == (400, "email_provider_disabled")
    assert "GOTRUE_SMTP_HOST" in error.message
    post.plane.messages.sms = None
    by_phone = await refused_sign_up(post, email="", phone=PHONE)
    assert (by_phone.status, by_phone.error_code) == (400, "phone_provider_disabled")


@pytest.mark.parametrize("channel", ["", "whatsapp"])
async def test_a_number_is_confirmed_by_its_code(database: HasDatabase, channel: str) -> None:
    post = await open_post(database, MAILED)
    await signed_up(post, email="", phone=f"+{PHONE}", channel=channel)
    ((phone, text, used),) = post.outbox.texts
    assert (phone, used) == (PHONE, channel or "sms")
    code = text.removeprefix("Your code is ")
    granted = await redeemed(post, type="sms", token=code, phone=f"+{PHONE}")
    assert granted.user.phone_confirmed_at == post.plane.clock.now
    assert granted.user.email_confirmed_at is None
    assert (await refused(post, type="sms", token=code, phone=PHONE)).error_code == "otp_expired"


async def test_a_code_by_sms_confirms_no_address(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    await signed_up(post, email="", phone=PHONE)
    code = post.outbox.texts[0][1].removeprefix("Your code is ")
    error = await refused(post, type="signup", token_hash=one_time.token_hash(PHONE, code))
    assert error.error_code == "otp_expired"


async def test_channels_that_do_not_exist(database: HasDatabase) -> None:
    error = await refused_sign_up(
        await open_post(database, MAILED), email="", phone=PHONE, channel="pigeon"
    )
    assert (error.status, error.error_code) == (400, "validation_failed")
