"""supabase-py and the user's mailbox: links and codes, with and without PKCE."""

from __future__ import annotations

import uuid

import pytest
from supabase import Client
from tests.e2e.conftest import World
from tests.support.apps import follow, refused, unique

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("world"), pytest.mark.timeout(240)]
PASSWORD = "correct horse battery"
PAGE = "http://localhost:5173/welcome"
CONFIRM, MAGIC, RESET = "Confirm Your Email", "Your Magic Link", "Reset Your Password"
CHANGE, NONCE, INVITED = "Confirm Email Change", "Confirm reauthentication", "You have been invited"


def confirmed(world: World, name: str, *, pkce: bool = False) -> tuple[Client, str, str]:
    """Sign somebody up and confirm the address; return the client, the address and the id."""
    app, email = world.apps.app(pkce=pkce), unique(name)
    app.auth.sign_up({"email": email, "password": PASSWORD})
    token = world.apps.mail(email, CONFIRM).code
    entered = app.auth.verify_otp({"email": email, "token": token, "type": "signup"})
    assert entered.user
    return app, email, entered.user.id


def test_signing_up_takes_the_code_of_the_mail(world: World) -> None:
    app, email = world.apps.app(), unique("ada")
    made = app.auth.sign_up(
        {"email": email, "password": PASSWORD, "options": {"data": {"name": "Ada"}}}
    )
    assert made.user
    assert made.session is None
    assert made.user.confirmation_sent_at
    with refused("email_not_confirmed"):
        app.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    code = world.apps.mail(email, CONFIRM).code
    entered = app.auth.verify_otp({"email": email, "token": code, "type": "signup"})
    assert entered.session
    assert entered.user
    assert entered.user.user_metadata["name"] == "Ada"
    with refused("otp_expired"):
        app.auth.verify_otp({"email": email, "token": code, "type": "signup"})


def test_the_link_of_the_mail_brings_a_session(world: World) -> None:
    app, email = world.apps.app(), unique("bob")
    app.auth.sign_up({"email": email, "password": PASSWORD, "options": {"email_redirect_to": PAGE}})
    landed = follow(world.apps.mail(email, CONFIRM).link)
    assert landed.page == PAGE
    told = landed.fragment
    assert told["type"] == "signup"
    set_up = app.auth.set_session(told["access_token"], told["refresh_token"])
    assert set_up.user
    assert set_up.user.email == email
    assert app.auth.refresh_session().session


def test_confirming_with_pkce(world: World) -> None:
    app, email = world.apps.app(pkce=True), unique("pia")
    app.auth.sign_up({"email": email, "password": PASSWORD, "options": {"email_redirect_to": PAGE}})
    landed = follow(world.apps.mail(email, CONFIRM).link)
    assert landed.page == PAGE
    assert "access_token" not in landed.fragment
    code = landed.query["code"]
    with refused("bad_code_verifier"):
        world.apps.app(pkce=True).auth.exchange_code_for_session(
            {"auth_code": code, "code_verifier": "w" * 43, "redirect_to": PAGE}
        )
    entered = app.auth.exchange_code_for_session(
        {"auth_code": code, "code_verifier": "", "redirect_to": PAGE}
    )
    assert entered.user
    assert entered.user.email == email


def test_resending_replaces_the_code(world: World) -> None:
    app, email = world.apps.app(), unique("rex")
    app.auth.sign_up({"email": email, "password": PASSWORD})
    first = world.apps.mail(email, CONFIRM).code
    app.auth.resend({"type": "signup", "email": email})
    second = world.apps.mail(email, CONFIRM, 2).code
    if first != second:
        with refused("otp_expired"):
            app.auth.verify_otp({"email": email, "token": first, "type": "signup"})
    assert app.auth.verify_otp({"email": email, "token": second, "type": "signup"}).session
    # Nobody is told whether an address is known.
    app.auth.resend({"type": "signup", "email": unique("nobody")})


@pytest.mark.parametrize("pkce", [False, True])
def test_a_code_or_a_link_instead_of_a_password(world: World, pkce: bool) -> None:
    app, email, user_id = confirmed(world, "otto", pkce=pkce)
    app.auth.sign_out({"scope": "local"})
    app.auth.sign_in_with_otp({"email": email})
    code = world.apps.mail(email, MAGIC).code
    entered = app.auth.verify_otp({"email": email, "token": code, "type": "email"})
    assert entered.user
    assert entered.user.id == user_id
    app.auth.sign_in_with_otp({"email": email, "options": {"email_redirect_to": PAGE}})
    landed = follow(world.apps.mail(email, MAGIC, 2).link)
    assert landed.page == PAGE
    assert ("code" in landed.query) is pkce
    assert ("access_token" in landed.fragment) is not pkce


def test_a_code_makes_an_account_unless_it_may_not(world: World) -> None:
    app, email = world.apps.app(), unique("new")
    with refused("otp_disabled"):
        app.auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}})
    app.auth.sign_in_with_otp({"email": email, "options": {"data": {"name": "New"}}})
    code = world.apps.mail(email, CONFIRM).code
    entered = app.auth.verify_otp({"email": email, "token": code, "type": "email"})
    assert entered.user
    assert entered.user.user_metadata["name"] == "New"


def test_a_forgotten_password(world: World) -> None:
    _, email, user_id = confirmed(world, "dora")
    app = world.apps.app(pkce=True)
    app.auth.reset_password_for_email(email, {"redirect_to": PAGE})
    code = follow(world.apps.mail(email, RESET).link).query["code"]
    events: list[str] = []
    app.auth.on_auth_state_change(lambda event, _session: events.append(event))
    entered = app.auth.exchange_code_for_session(
        {"auth_code": code, "code_verifier": "", "redirect_to": PAGE}
    )
    assert entered.user
    assert entered.user.id == user_id
    assert "PASSWORD_RECOVERY" in events
    app.auth.update_user({"password": "another horse battery"})
    world.apps.mail(email, "Your password has been changed")
    with refused("invalid_credentials"):
        app.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    app.auth.sign_in_with_password({"email": email, "password": "another horse battery"})
    # Of an address that nobody has, nothing is said.
    app.auth.reset_password_for_email(unique("nobody"))


def test_a_recovery_code_typed_in(world: World) -> None:
    app, email, user_id = confirmed(world, "rita")
    app.auth.reset_password_for_email(email)
    mail = world.apps.mail(email, RESET)
    entered = app.auth.verify_otp({"token_hash": mail.token_hash, "type": "recovery"})
    assert entered.user
    assert entered.user.id == user_id
    claims = app.auth.get_claims()
    assert claims
    assert [entry["method"] for entry in claims["claims"]["amr"]] == ["recovery"]


def test_a_new_address_is_confirmed_twice(world: World) -> None:
    app, old, user_id = confirmed(world, "fay")
    new = unique("fay-new")
    asked = app.auth.update_user({"email": new}, {"email_redirect_to": PAGE})
    assert (asked.user.email, asked.user.new_email) == (old, new)
    app.auth.resend({"type": "email_change", "email": old})
    first = world.apps.mail(new, CHANGE, 2)
    half = app.auth.verify_otp({"email": new, "token": first.code, "type": "email_change"})
    assert (half.user, half.session) == (None, None)
    still = app.auth.get_user()
    assert still
    assert still.user.email == old, "one of two confirmations changes nothing"
    landed = follow(world.apps.mail(old, CHANGE, 2).link)
    told = landed.fragment
    changed = app.auth.get_user(told["access_token"])
    assert changed
    assert (changed.user.id, changed.user.email) == (user_id, new)
    world.apps.mail(old, "Your email address has been changed")
    app.auth.sign_in_with_password({"email": new, "password": PASSWORD})


def test_reauthentication_sends_a_nonce(world: World) -> None:
    app, email, _ = confirmed(world, "hal")
    app.auth.reauthenticate()
    nonce = world.apps.mail(email, NONCE).code
    app.auth.update_user({"password": f"{PASSWORD} 2", "nonce": nonce})
    app.auth.sign_in_with_password({"email": email, "password": f"{PASSWORD} 2"})


def test_an_invitation(world: World) -> None:
    admin, email = world.apps.admin(), unique("gus")
    invited = admin.auth.admin.invite_user_by_email(
        email, {"data": {"team": "blue"}, "redirect_to": PAGE}
    )
    assert invited.user.invited_at
    landed = follow(world.apps.mail(email, INVITED).link)
    assert landed.page == PAGE
    assert landed.fragment["type"] == "invite"
    app = world.apps.app()
    app.auth.set_session(landed.fragment["access_token"], landed.fragment["refresh_token"])
    app.auth.update_user({"password": PASSWORD})
    entered = app.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert entered.user
    assert entered.user.user_metadata["team"] == "blue"
    with refused("email_exists"):
        admin.auth.admin.invite_user_by_email(email)


@pytest.mark.parametrize("kind", ["signup", "invite", "magiclink", "recovery"])
def test_links_that_an_administrator_makes(world: World, kind: str) -> None:
    admin, email = world.apps.admin().auth.admin, unique(kind)
    if kind in {"magiclink", "recovery"}:
        admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True})
    wanted = {"type": kind, "email": email, "options": {"redirect_to": PAGE}}
    wanted["password"] = uuid.uuid4().hex
    made = admin.generate_link(wanted)  # type: ignore[arg-type]
    assert made.user.email == email
    assert made.properties.verification_type == kind
    landed = follow(made.properties.action_link)
    assert landed.page == PAGE
    told = world.apps.app().auth.get_user(landed.fragment["access_token"])
    assert told
    assert told.user.id == made.user.id
    again = follow(made.properties.action_link)
    assert again.fragment["error_code"] == "otp_expired"


def test_links_for_a_new_address(world: World) -> None:
    admin, (app, old, _) = world.apps.admin().auth.admin, confirmed(world, "ivy")
    new, links = unique("ivy-new"), []
    for kind in ("email_change_current", "email_change_new"):
        wanted = {"type": kind, "email": old, "new_email": new}
        made = admin.generate_link(wanted)  # type: ignore[arg-type]
        links.append(made.properties.action_link)
    assert "access_token" not in follow(links[0]).fragment
    assert "access_token" in follow(links[1]).fragment
    changed = app.auth.get_user()
    assert changed
    assert changed.user.email == new


def test_links_for_nobody(world: World) -> None:
    admin = world.apps.admin().auth.admin
    with refused("user_not_found"):
        admin.generate_link({"type": "recovery", "email": unique("nobody")})
