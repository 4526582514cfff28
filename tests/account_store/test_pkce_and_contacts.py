"""PKCE, a new address or number, invitations and links of administrators: on a real database."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from dataclasses import replace
from typing import Any

import pytest
from tests.support.messages import ORIGIN, Post, link_of, open_post
from tests.support.plane import BROWSER, OPEN, PASSWORD, HasDatabase, registered, signed_in

from keyturn.accounts.errors import AuthError
from keyturn.accounts.message_settings import MessageSettings
from keyturn.flows import links, recover, redeem, user
from keyturn.flows.links import LinkRequest
from keyturn.flows.plane import Admin, Granted
from keyturn.flows.recover import Recover
from keyturn.flows.redeem import Followed, Verify
from keyturn.flows.sign_up import SignUp, sign_up
from keyturn.flows.sign_up_pending import enter
from keyturn.flows.user import UserUpdate
from keyturn.jose import jwt

ADA, NEW, PHONE = "ada@example.com", "new@example.com", "4915112345"
MAILED = replace(OPEN, mailer_autoconfirm=False, external_phone_enabled=True)
ADMIN = Admin({"role": "service_role"})


def pkce() -> tuple[str, str]:
    """Return a verifier and its S256 challenge."""
    verifier = base64.urlsafe_b64encode(os.urandom(40)).decode().rstrip("=")
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def fails(work: Any) -> AuthError:
    with pytest.raises(AuthError) as raised:
        await work
    return raised.value


async def followed(post: Post, index: int = -1) -> Followed:
    """Click the link of a mail."""
    link = link_of(post.outbox.mails[index])
    return await redeem.follow(post.plane, link["token"], link["type"], BROWSER)


async def recovery_code(post: Post, challenge: str, method: str = "s256") -> str:
    """Ask for recovery with PKCE, click, and return the code."""
    wanted = Recover(ADA, challenge, method)
    await recover.recover(post.plane, wanted, ORIGIN, BROWSER)
    await post.afterwards.settle()
    code = (await followed(post)).auth_code
    assert code
    return code


async def changing(post: Post, granted: Granted, **members: Any) -> Any:
    caller = await user.authenticate(post.plane, f"Bearer {granted.access_token}")
    return await user.update(post.plane, caller, UserUpdate(**members), BROWSER, ORIGIN)


@pytest.mark.parametrize("method", ["s256", "plain"])
async def test_a_pkce_link_gives_a_code_and_the_verifier_a_session(
    database: HasDatabase, method: str
) -> None:
    post = await open_post(database)
    ada = await registered(post.plane, ADA)
    verifier, hashed = pkce()
    code = await recovery_code(post, hashed if method == "s256" else verifier, method.upper())
    assert link_of(post.outbox.mails[-1])["token"].startswith("pkce_")
    row = await post.plane.pool.fetchrow("select * from auth.flow_state")
    assert (row["auth_code"], row["code_challenge_method"]) == (code, method)
    assert (row["provider_type"], row["authentication_method"]) == ("recovery", "recovery")
    assert row["auth_code_issued_at"] == post.plane.clock.now
    assert str(row["user_id"]) == ada.user.id
    wrong = await fails(redeem.exchange(post.plane, code, "x" * 43, BROWSER))
    assert (wrong.status, wrong.error_code) == (400, "bad_code_verifier")
    granted = await redeem.exchange(post.plane, code, verifier, BROWSER)
    assert granted.user.id == ada.user.id
    claims: Any = jwt.peek(granted.access_token).claims
    assert claims["amr"][0]["method"] == "recovery"
    again = await fails(redeem.exchange(post.plane, code, verifier, BROWSER))
    assert (again.status, again.error_code) == (404, "flow_state_not_found")


async def test_pkce_codes_expire_five_minutes_after_the_click(database: HasDatabase) -> None:
    post = await open_post(database)
    await registered(post.plane, ADA)
    verifier, hashed = pkce()
    await recover.recover(post.plane, Recover(ADA, hashed, "s256"), ORIGIN, BROWSER)
    await post.afterwards.settle()
    post.plane.clock.forward(hours=1)
    code = (await followed(post)).auth_code
    post.plane.clock.forward(minutes=5)
    late = await fails(redeem.exchange(post.plane, code or "", verifier, BROWSER))
    assert (late.status, late.error_code) == (422, "flow_state_expired")


@pytest.mark.parametrize(
    ("code", "verifier", "status", "error_code"),
    [
        ("", "v", 400, "validation_failed"),
        ("c", "", 400, "validation_failed"),
        ("c", "v", 404, "flow_state_not_found"),
        ("c\0", "v", 404, "flow_state_not_found"),
    ],
)
async def test_codes_that_are_none(
    database: HasDatabase, code: str, verifier: str, status: int, error_code: str
) -> None:
    error = await fails(redeem.exchange((await open_post(database)).plane, code, verifier, BROWSER))
    assert (error.status, error.error_code) == (status, error_code)


async def test_a_banned_user_gets_no_session_for_a_code(database: HasDatabase) -> None:
    post = await open_post(database)
    await registered(post.plane, ADA)
    verifier, hashed = pkce()
    code = await recovery_code(post, hashed)
    await post.plane.pool.execute("update auth.users set banned_until = '2030-01-01'")
    error = await fails(redeem.exchange(post.plane, code, verifier, BROWSER))
    assert (error.status, error.error_code) == (400, "user_banned")


async def test_a_link_whose_flow_is_gone_is_not_spent(database: HasDatabase) -> None:
    post = await open_post(database)
    await registered(post.plane, ADA)
    _, hashed = pkce()
    await recover.recover(post.plane, Recover(ADA, hashed, "s256"), ORIGIN, BROWSER)
    await post.afterwards.settle()
    await post.plane.pool.execute("delete from auth.flow_state")
    error = await fails(followed(post))
    assert error.error_code == "flow_state_not_found"
    code = str(post.outbox.mails[-1].values["Token"])  # typed in instead
    assert await redeem.verify(post.plane, Verify("recovery", code, "", ADA), BROWSER)


async def test_a_pkce_sign_up_is_confirmed_by_its_link(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    verifier, hashed = pkce()
    wanted = SignUp(ADA, "", PASSWORD, code_challenge=hashed, code_challenge_method="s256")
    await enter(post.plane, wanted, ORIGIN, BROWSER)
    await post.afterwards.settle()
    code = (await followed(post)).auth_code
    granted = await redeem.exchange(post.plane, code or "", verifier, BROWSER)
    assert granted.user.email_confirmed_at is not None
    claims: Any = jwt.peek(granted.access_token).claims
    assert claims["amr"][0]["method"] == "email/signup"


async def test_one_link_clicked_many_times_signs_in_once(database: HasDatabase) -> None:
    post = await open_post(database, size=8)
    await registered(post.plane, ADA)
    await recover.recover(post.plane, Recover(ADA), ORIGIN, BROWSER)
    await post.afterwards.settle()
    results = await asyncio.gather(*(followed(post) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Followed) for result in results) == 1
    refusals = {result.error_code for result in results if isinstance(result, AuthError)}
    assert refusals == {"otp_expired"}


async def test_a_new_address_is_confirmed_from_both(database: HasDatabase) -> None:
    post = await open_post(database)
    ada = await registered(post.plane, ADA)
    changed = await changing(post, ada, email=NEW, data={"town": "Bath"})
    assert (changed.email, changed.new_email) == (ADA, NEW)
    assert [mail.to for mail in post.outbox.mails] == [NEW, ADA]
    assert {mail.values["NewEmail"] for mail in post.outbox.mails} == {NEW}
    row = await post.plane.pool.fetchrow("select * from auth.users")
    hashes = [mail.values["TokenHash"] for mail in post.outbox.mails]
    assert [row["email_change_token_new"], row["email_change_token_current"]] == hashes
    kinds = await post.plane.pool.fetch("select token_type, relates_to from auth.one_time_tokens")
    assert {(kind["token_type"], kind["relates_to"]) for kind in kinds} == {
        ("email_change_token_new", NEW),
        ("email_change_token_current", ADA),
    }
    assert await followed(post, 0) == Followed()
    assert (await fails(followed(post, 0))).error_code == "otp_expired"
    done = await followed(post, 1)
    assert done.granted is not None
    now = done.granted.user
    assert (now.email, now.new_email) == (NEW, None)
    assert now.identities[0].email == NEW
    assert (await signed_in(post.plane, NEW)).user.id == ada.user.id
    status = await post.plane.pool.fetchval("select email_change_confirm_status from auth.users")
    assert status == 0


async def test_one_confirmation_is_enough_when_told_so(database: HasDatabase) -> None:
    post = await open_post(database, messages=MessageSettings(secure_email_change=False))
    ada = await registered(post.plane, ADA)
    await changing(post, ada, email=NEW)
    (mail,) = post.outbox.mails
    shown = Verify("email_change", str(mail.values["Token"]), "", NEW)
    granted = await redeem.verify(post.plane, shown, BROWSER)
    assert granted is not None
    assert granted.user.email == NEW


async def test_an_address_taken_meanwhile_is_not_given_twice(database: HasDatabase) -> None:
    post = await open_post(database, messages=MessageSettings(secure_email_change=False))
    ada = await registered(post.plane, ADA)
    await changing(post, ada, email=NEW)
    await registered(post.plane, NEW)
    error = await fails(followed(post))
    assert (error.status, error.error_code) == (422, "email_exists")
    taken = await fails(changing(post, ada, email=NEW))
    assert (taken.status, taken.error_code) == (422, "email_exists")


async def test_changes_are_limited_and_failures_told(database: HasDatabase) -> None:
    post = await open_post(database)
    ada = await registered(post.plane, ADA)
    post.outbox.broken = True
    failed = await fails(changing(post, ada, email=NEW))
    assert (failed.status, failed.message) == (500, "Error sending email change email")
    post.outbox.broken = False
    await changing(post, ada, email=NEW)
    soon = await fails(changing(post, ada, email="other@example.com"))
    assert (soon.status, soon.error_code) == (429, "over_email_send_rate_limit")


async def test_a_new_number_is_confirmed_by_its_code(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    post.plane.settings = replace(MAILED, mailer_autoconfirm=True)
    ada = await registered(post.plane, ADA)
    changed = await changing(post, ada, phone=PHONE)
    assert (changed.phone, changed.new_phone) == ("", PHONE)
    code = post.outbox.texts[-1][1].removeprefix("Your code is ")
    shown = Verify("phone_change", code, phone=PHONE)
    granted = await redeem.verify(post.plane, shown, BROWSER)
    assert granted is not None
    assert granted.user.phone == PHONE
    providers = {identity.provider for identity in granted.user.identities}
    assert providers == {"email", "phone"}
    other = await registered(post.plane, "bob@example.com")
    taken = await fails(changing(post, other, phone=PHONE))
    assert (taken.status, taken.error_code) == (422, "phone_exists")


async def test_an_anonymous_user_keeps_everything_with_an_address(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    nobody = await sign_up(post.plane, SignUp(), BROWSER)
    await changing(post, nobody, email=NEW)
    done = await followed(post)
    assert done.granted is not None
    assert done.granted.user.id == nobody.user.id
    assert not done.granted.user.is_anonymous
    assert done.granted.user.identities[0].provider == "email"


async def test_an_invitation_makes_an_account_without_password(database: HasDatabase) -> None:
    post = await open_post(database, MAILED)
    wanted = LinkRequest(email=NEW, data={"team": "blue"})
    invited = await links.invite(post.plane, ADMIN, wanted, ORIGIN, BROWSER)
    assert invited.invited_at == invited.confirmation_sent_at == post.plane.clock.now
    mail = post.outbox.last("invite")
    assert mail.subject == "You have been invited"
    again = await links.invite(post.plane, ADMIN, wanted, ORIGIN, BROWSER)
    assert again.id == invited.id
    done = await followed(post)
    assert done.granted is not None
    metadata: Any = jwt.peek(done.granted.access_token).claims["user_metadata"]
    assert metadata["team"] == "blue"
    taken = await fails(links.invite(post.plane, ADMIN, wanted, ORIGIN, BROWSER))
    assert (taken.status, taken.error_code) == (422, "email_exists")
    entry = await post.plane.pool.fetchval(
        "select payload ->> 'actor_username' from auth.audit_log_entries "
        "where payload ->> 'action' = 'user_invited' limit 1"
    )
    assert entry == "service_role"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("signup", {"email": NEW, "password": PASSWORD}),
        ("invite", {"email": NEW}),
        ("magiclink", {"email": ADA}),
        ("recovery", {"email": ADA}),
    ],
)
async def test_links_that_administrators_hand_out(
    database: HasDatabase, kind: str, given: dict[str, Any]
) -> None:
    post = await open_post(database)
    await registered(post.plane, ADA)
    wanted = LinkRequest(type=kind, **given)
    made = await links.generate(post.plane, ADMIN, wanted, ORIGIN, BROWSER)
    assert made.type == kind
    assert made.url.startswith(f"{ORIGIN.external_url}/verify?token={made.hash}&type={kind}&")
    assert post.outbox.mails == []
    shown = Verify(kind, made.code, "", given["email"])
    granted = await redeem.verify(post.plane, shown, BROWSER)
    assert granted is not None
    assert granted.user.email == given["email"]


async def test_a_magic_link_for_somebody_new_is_a_sign_up(database: HasDatabase) -> None:
    post = await open_post(database)
    wanted = LinkRequest(type="magiclink", email=NEW)
    made = await links.generate(post.plane, ADMIN, wanted, ORIGIN, BROWSER)
    assert made.type == "signup"
    assert (await redeem.follow(post.plane, made.hash, "signup", BROWSER)).granted is not None


async def test_links_for_a_change_of_address(database: HasDatabase) -> None:
    post = await open_post(database)
    await registered(post.plane, ADA)
    made = []
    for kind in ("email_change_current", "email_change_new"):
        wanted = LinkRequest(type=kind, email=ADA, new_email=NEW)
        made.append(await links.generate(post.plane, ADMIN, wanted, ORIGIN, BROWSER))
    assert "type=email_change&" in made[0].url
    first, second = made
    assert await redeem.follow(post.plane, first.hash, "email_change", BROWSER) == Followed()
    done = await redeem.follow(post.plane, second.hash, "email_change", BROWSER)
    assert done.granted is not None
    assert done.granted.user.email == NEW


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"type": "nonsense", "email": ADA}, 400, "validation_failed"),
        ({"type": "recovery", "email": NEW}, 404, "user_not_found"),
        ({"type": "email_change_new", "email": NEW, "new_email": ADA}, 404, "user_not_found"),
        ({"type": "email_change_new", "email": ADA, "new_email": ADA}, 422, "email_exists"),
        ({"type": "email_change_new", "email": ADA, "new_email": ""}, 400, "validation_failed"),
        ({"type": "signup", "email": ADA, "password": PASSWORD}, 422, "email_exists"),
        ({"type": "invite", "email": ADA}, 422, "email_exists"),
        ({"type": "signup", "email": NEW}, 400, "validation_failed"),
        ({"type": "signup", "email": NEW, "password": "x"}, 422, "weak_password"),
        ({"type": "recovery", "email": "x"}, 400, "validation_failed"),
    ],
)
async def test_links_that_are_refused(
    database: HasDatabase, given: dict[str, Any], status: int, code: str
) -> None:
    post = await open_post(database)
    await registered(post.plane, ADA)
    work = links.generate(post.plane, ADMIN, LinkRequest(**given), ORIGIN, BROWSER)
    error = await fails(work)
    assert (error.status, error.error_code) == (status, code)


async def test_no_link_for_a_confirmation_that_is_off(database: HasDatabase) -> None:
    post = await open_post(database, messages=MessageSettings(secure_email_change=False))
    await registered(post.plane, ADA)
    wanted = LinkRequest(type="email_change_current", email=ADA, new_email=NEW)
    error = await fails(links.generate(post.plane, ADMIN, wanted, ORIGIN, BROWSER))
    assert (error.status, error.error_code) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("token", "kind", "words"),
    [
        ("", "signup", "Verify requires a token"),
        ("abc", "", "Verify requires a verification type"),
        ("abc", "sms", "Invalid email verification type"),
        ("abc", "email", "Invalid email verification type"),
    ],
)
async def test_links_that_are_malformed(
    database: HasDatabase, token: str, kind: str, words: str
) -> None:
    error = await fails(redeem.follow((await open_post(database)).plane, token, kind, BROWSER))
    assert (error.status, error.error_code) == (400, "validation_failed")
    assert words in error.message
