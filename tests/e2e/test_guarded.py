"""A stack whose operator wants to be asked: hooks of every kind, captcha, rules and limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from supabase import AuthWeakPasswordError, Client
from tests.authserver.test_guards import serving_riddles
from tests.support.apps import Apps, apps_of, follow, refused, unique
from tests.support.message_hooks import Taken, messages_taken
from tests.support.stack import running

from keyturn.accounts import totp

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("guarded"), pytest.mark.timeout(240)]
PASSWORD, BETTER = "correct horse 1", "correct horse 2"
SOLVED = "forty-two"
PAGE = "https://shop.example.org/welcome"
RULES = {
    "GOTRUE_MAILER_AUTOCONFIRM": "false",
    "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
    "GOTRUE_URI_ALLOW_LIST": "https://*.example.org/**",
    "GOTRUE_PASSWORD_MIN_LENGTH": "10",
    "GOTRUE_PASSWORD_REQUIRED_CHARACTERS": "abcdefghijklmnopqrstuvwxyz:0123456789",
    "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD": "true",
    "GOTRUE_SESSIONS_SINGLE_PER_USER": "true",
    "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "true",
    "GOTRUE_RATE_LIMIT_HEADER": "X-Forwarded-For",
    "GOTRUE_RATE_LIMIT_ANONYMOUS_USERS": "3",
    "GOTRUE_SECURITY_CAPTCHA_ENABLED": "true",
    "GOTRUE_SECURITY_CAPTCHA_PROVIDER": "hcaptcha",
    "GOTRUE_SECURITY_CAPTCHA_SECRET": "a secret of ours",
}
FUNCTIONS = {
    "CUSTOM_ACCESS_TOKEN": "claims",
    "BEFORE_USER_CREATED": "before_user",
    "AFTER_USER_CREATED": "after_user",
    "PASSWORD_VERIFICATION_ATTEMPT": "password_tried",
    "MFA_VERIFICATION_ATTEMPT": "code_tried",
}
SQL = """
create table public.told (n serial, hook text, event jsonb);
grant all on public.told, public.told_n_seq to supabase_auth_admin;
create function public.claims(event jsonb) returns jsonb language sql as $$
  select jsonb_build_object('claims', (event -> 'claims') || '{"plan": "pro"}') $$;
create function public.before_user(event jsonb) returns jsonb language sql as $$
  select case when event -> 'user' ->> 'email' like '%@blocked.example'
    then '{"error": {"http_code": 403, "message": "Only people of ours."}}'::jsonb
    else '{}'::jsonb end $$;
create function public.after_user(event jsonb) returns jsonb language sql as $$
  insert into public.told (hook, event) values ('after_user', event) returning '{}'::jsonb $$;
create function public.password_tried(event jsonb) returns jsonb language plpgsql as $$ begin
  insert into public.told (hook, event) values ('password_tried', event);
  if (select count(*) from public.told t where t.hook = 'password_tried'
      and t.event -> 'user_id' = password_tried.event -> 'user_id'
      and t.event -> 'valid' = 'false') > 2 then
    return '{"decision": "reject", "message": "Too many wrong passwords."}';
  end if;
  return '{"decision": "continue"}';
end $$;
create function public.code_tried(event jsonb) returns jsonb language sql as $$
  select case when (event ->> 'valid')::boolean then '{"decision": "continue"}'::jsonb
    else '{"decision": "reject", "message": "Wrong, and that was all."}'::jsonb end $$;
create table public.perks (name text);
insert into public.perks values ('coffee');
alter table public.perks enable row level security;
create policy paying on public.perks to authenticated using (auth.jwt() ->> 'plan' = 'pro');
grant select on public.perks to authenticated;
notify pgrst, 'reload schema';
"""


@dataclass(frozen=True)
class Guarded:
    """The stack, what its hooks were told, and the mail that it handed over."""

    apps: Apps
    taken: Taken

    def confirmed(self, name: str) -> tuple[Client, str]:
        """Sign somebody up who solves the riddle and confirms the address."""
        app, email = self.apps.app(), unique(name)
        app.auth.sign_up(
            {"email": email, "password": PASSWORD, "options": {"captcha_token": SOLVED}}
        )
        token = self.taken.mail(email, "signup")["token"]
        app.auth.verify_otp({"email": email, "token": token, "type": "signup"})
        return app, email

    def sign_in(self, app: Client, email: str, password: str = PASSWORD) -> None:
        """Sign in with the riddle solved."""
        app.auth.sign_in_with_password(
            {"email": email, "password": password, "options": {"captcha_token": SOLVED}}
        )

    def told(self, hook: str) -> list[Any]:
        """Return what a function was given, oldest first."""
        rows = self.apps.stack.sql("select event from public.told where hook = $1 order by n", hook)
        return [json.loads(row["event"]) for row in rows]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A stack with everything that may stand in somebody's way."""
    hooks = {}
    for name, function in FUNCTIONS.items():
        hooks[f"GOTRUE_HOOK_{name}_ENABLED"] = "true"
        hooks[f"GOTRUE_HOOK_{name}_URI"] = f"pg-functions://postgres/public/{function}"
    with ExitStack() as opened:
        taken = opened.enter_context(messages_taken())
        url, _ = opened.enter_context(serving_riddles())
        env = {**RULES, **hooks, **taken.variables("SEND_EMAIL"), "KEYTURN_CAPTCHA_URL": url}
        data = tmp_path_factory.mktemp("guarded") / "data"
        stack = opened.enter_context(running(data, env=env, notes=False))
        stack.sql(SQL)
        yield Guarded(opened.enter_context(apps_of(stack)), taken)


def test_who_does_not_solve_the_riddle(guarded: Guarded) -> None:
    app, email = guarded.apps.app(), unique("robot")
    with refused("captcha_failed"):
        app.auth.sign_up({"email": email, "password": PASSWORD})
    with refused("captcha_failed"):
        app.auth.sign_up(
            {"email": email, "password": PASSWORD, "options": {"captcha_token": "forty-one"}}
        )
    with refused("captcha_failed"):
        app.auth.reset_password_for_email(email)
    with refused("captcha_failed"):
        app.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    admin = guarded.apps.admin().auth.admin
    assert admin.create_user({"email": email, "password": PASSWORD}).user.email == email


def test_a_claim_of_the_operators_own_reaches_the_rows(guarded: Guarded) -> None:
    app, _ = guarded.confirmed("ada")
    found = app.auth.get_claims()
    assert found
    assert found["claims"]["plan"] == "pro"  # type: ignore[typeddict-item]
    assert app.table("perks").select("name").execute().data == [{"name": "coffee"}]
    assert app.auth.refresh_session().session
    again = app.auth.get_claims()
    assert again
    assert again["claims"]["plan"] == "pro"  # type: ignore[typeddict-item]


def test_who_may_have_an_account(guarded: Guarded) -> None:
    email = f"{unique('eve').partition('@')[0]}@blocked.example"
    wanted = {
        "email": email,
        "password": PASSWORD,
        "gotrue_meta_security": {"captcha_token": SOLVED},
    }
    url = f"{guarded.apps.stack.url}/auth/v1/signup"
    answer = httpx.post(url, json=wanted, headers=guarded.apps.stack.publishable)
    assert (answer.status_code, answer.json()["msg"]) == (403, "Only people of ours.")
    users = guarded.apps.admin().auth.admin.list_users(per_page=1000)
    assert email not in [user.email for user in users]
    _, email = guarded.confirmed("bob")
    assert email in [event["user"]["email"] for event in guarded.told("after_user")]


def test_wrong_passwords_are_counted_by_the_operator(guarded: Guarded) -> None:
    app, email = guarded.confirmed("carol")
    for _ in range(2):
        with refused("invalid_credentials"):
            guarded.sign_in(app, email, "wrong one 1")
    guarded.sign_in(app, email)
    user = app.auth.get_user()
    assert user
    tries = [each for each in guarded.told("password_tried") if each["user_id"] == user.user.id]
    assert [each["valid"] for each in tries] == [False, False, True]
    with refused("invalid_credentials") as found:
        guarded.sign_in(app, email, "wrong one 1")
    assert found.value.message == "Too many wrong passwords."
    with refused("invalid_credentials"):
        guarded.sign_in(app, email)


def test_a_wrong_code_is_judged_by_the_operator(guarded: Guarded) -> None:
    app, _ = guarded.confirmed("dora")
    factor = app.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "Phone"})
    assert factor.totp
    code = totp.code_at(factor.totp.secret, datetime.now(UTC))
    app.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code})
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    with refused("mfa_verification_rejected") as found:
        app.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": wrong})
    assert found.value.message == "Wrong, and that was all."
    with refused("session_not_found"):  # and with that every session ended
        app.auth.get_user()


def test_passwords_follow_the_rules(guarded: Guarded) -> None:
    for password, reasons in (("short1", ["length"]), ("no digits at all", ["characters"])):
        with pytest.raises(AuthWeakPasswordError) as weak:
            guarded.apps.app().auth.sign_up(
                {
                    "email": unique("weak"),
                    "password": password,
                    "options": {"captcha_token": SOLVED},
                }
            )
        assert weak.value.reasons == reasons
    app, email = guarded.confirmed("hal")
    with refused("current_password_required"):
        app.auth.update_user({"password": BETTER})
    with refused("current_password_invalid"):
        app.auth.update_user({"password": BETTER, "current_password": "wrong one 1"})
    app.auth.update_user({"password": BETTER, "current_password": PASSWORD})
    guarded.sign_in(app, email, BETTER)


def test_a_forgotten_password_needs_no_current_one(guarded: Guarded) -> None:
    _, email = guarded.confirmed("ida")
    app = guarded.apps.app()
    app.auth.reset_password_for_email(email, {"captcha_token": SOLVED, "redirect_to": PAGE})
    handed = guarded.taken.mail(email, "recovery")
    assert handed["redirect_to"] == PAGE
    app.auth.verify_otp({"token_hash": handed["token_hash"], "type": "recovery"})
    app.auth.update_user({"password": BETTER})
    guarded.sign_in(app, email, BETTER)


def test_the_newest_sign_in_is_the_only_one(guarded: Guarded) -> None:
    first, email = guarded.confirmed("fay")
    second = guarded.apps.app()
    guarded.sign_in(second, email)
    with refused("session_expired") as found:
        first.auth.refresh_session()
    assert "Newer Login" in found.value.message
    assert second.auth.refresh_session().session


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        (PAGE, True),
        ("https://example.org.evil.example/", False),
        ("https://evil.example/?u=https://shop.example.org/", False),
        ("javascript:alert(1)//shop.example.org/", False),
    ],
)
def test_links_lead_to_allowed_pages(guarded: Guarded, wanted: str, allowed: bool) -> None:
    app, email = guarded.apps.app(), unique("gus")
    admin = guarded.apps.admin().auth.admin
    made = admin.generate_link(
        {
            "type": "signup",
            "email": email,
            "password": PASSWORD,
            "options": {"redirect_to": wanted},
        }
    )
    landed = follow(made.properties.action_link)
    assert (landed.page == wanted) is allowed
    assert landed.url.hostname in {"shop.example.org", "localhost", "127.0.0.1"}
    told = landed.fragment
    user = app.auth.get_user(told["access_token"])
    assert user
    assert user.user.email == email


def test_guests_are_limited_by_their_own_address(guarded: Guarded) -> None:
    url = f"{guarded.apps.stack.url}/auth/v1/signup"
    body = {"data": {}, "gotrue_meta_security": {"captcha_token": SOLVED}}
    for number in range(6):
        headers = {**guarded.apps.stack.publishable, "X-Forwarded-For": f"203.0.113.{number}"}
        answer = httpx.post(url, json=body, headers=headers)
        assert answer.status_code == (200 if number < 3 else 429), "the gateway knows better"
    with refused("over_request_rate_limit"):
        guarded.apps.app().auth.sign_in_anonymously({"options": {"captcha_token": SOLVED}})
