"""Links and codes over HTTP, with the mail that a real SMTP server was handed."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.messages import body, code_in, link_in, mail_server

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
ADA = {"email": "ada@example.com", "password": "correct horse"}
SITE = "https://app.example.com"
TO = f"{SITE}/welcome?tab=1"


def variables(port: int, **more: str) -> dict[str, str]:
    return {
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_SITE_URL": SITE,
        "API_EXTERNAL_URL": "http://auth.test",
        "GOTRUE_SMTP_HOST": "127.0.0.1",
        "GOTRUE_SMTP_PORT": str(port),
        "GOTRUE_SMTP_ADMIN_EMAIL": "hello@example.com",
        "GOTRUE_SMTP_SENDER_NAME": "Example, Inc.",
        "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
        **more,
    }


async def clicked(auth: Any, link: str) -> Any:
    """Follow the link of a mail, as far as our own redirect; return the target's parts."""
    answer = await auth.http.get(link)
    assert answer.status_code == 303, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return urlsplit(answer.headers["location"])


def values(text: str) -> dict[str, str]:
    return {name: found[0] for name, found in parse_qs(text, keep_blank_values=True).items()}


async def test_sign_up_mail_click_session(open_server: OpenAuth) -> None:
    async with mail_server() as mails, open_server(**variables(mails.port)) as auth:
        answer = await auth.http.post("/signup", params={"redirect_to": TO}, json=ADA)
        assert answer.status_code == 200
        assert "access_token" not in answer.json()
        assert answer.json()["email"] == ADA["email"]
        mail = await mails.wait(1)
        assert mails.recipients == [[ADA["email"]]]
        assert mail["From"] == '"Example, Inc." <hello@example.com>'
        assert mail["Subject"] == "Confirm Your Email"
        assert mail.get_content_type() == "multipart/alternative"
        assert link_in(mail).replace("&", "&amp;") in body(mail)
        target = await clicked(auth, link_in(mail))
        assert f"{target.scheme}://{target.netloc}{target.path}?{target.query}" == TO
        session = values(target.fragment)
        assert list(session) == [
            "access_token", "expires_at", "expires_in", "refresh_token", "sb", "token_type", "type",
        ]  # fmt: skip
        assert (session["token_type"], session["type"]) == ("bearer", "signup")
        headers = {"Authorization": f"Bearer {session['access_token']}"}
        user = (await auth.http.get("/user", headers=headers)).json()
        assert user["email_confirmed_at"]
        again = await clicked(auth, link_in(mail))
        assert values(again.fragment) == {
            "error": "access_denied",
            "error_code": "otp_expired",
            "error_description": "Email link is invalid or has expired",
            "sb": "",
        }
        assert not any(session["access_token"] in str(line) for line in auth.log.requests)


async def test_targets_outside_the_allow_list_become_the_site(open_server: OpenAuth) -> None:
    async with mail_server() as mails, open_server(**variables(mails.port)) as auth:
        for count, target in enumerate(("https://evil.example", "https://www.example.org/x"), 1):
            options = {"params": {"redirect_to": target}, "json": {"email": f"u{count}@a.co"}}
            assert (await auth.http.post("/otp", **options)).json() == {}
            where = values(urlsplit(link_in(await mails.wait(count))).query)["redirect_to"]
            assert where == SITE
        forged = link_in(mails.messages[-1]).replace("app.example.com", "evil.example")
        assert (await clicked(auth, forged)).netloc == "app.example.com"


async def test_pkce_from_mail_to_session(open_server: OpenAuth) -> None:
    verifier = base64.urlsafe_b64encode(os.urandom(40)).decode().rstrip("=")
    digest = hashlib.sha256(verifier.encode()).digest()
    hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    pkce = {"code_challenge": hashed, "code_challenge_method": "s256"}
    settings = variables(0, GOTRUE_MAILER_AUTOCONFIRM="true")
    async with mail_server() as mails:
        settings["GOTRUE_SMTP_PORT"] = str(mails.port)
        async with open_server(**settings) as auth:
            await auth.sign_up()
            body_ = {"email": ADA["email"], **pkce}
            assert (await auth.http.post("/recover", json=body_)).json() == {}
            link = link_in(await mails.wait(1))
            target = await clicked(auth, link)
            assert target.fragment == ""
            code = values(target.query)["code"]
            spent = await clicked(auth, link)
            assert values(spent.query) == values(spent.fragment)
            assert values(spent.query)["error_code"] == "otp_expired"
            grant = "/token?grant_type=pkce"
            wrong = {"auth_code": code, "code_verifier": "x" * 43}
            await auth.refused(400, "bad_code_verifier", "POST", grant, json=wrong)
            right = {"auth_code": code, "code_verifier": verifier}
            answer = await auth.http.post(grant, json=right)
            assert answer.json()["user"]["email"] == ADA["email"]
            await auth.refused(404, "flow_state_not_found", "POST", grant, json=right)


async def test_codes_typed_in_and_known_addresses(open_server: OpenAuth) -> None:
    async with mail_server() as mails, open_server(**variables(mails.port)) as auth:
        await auth.http.post("/otp", json={"email": ADA["email"]})
        code = code_in(await mails.wait(1))
        wrong = {"type": "email", "token": "x", "email": ADA["email"]}
        words = await auth.refused(403, "otp_expired", "POST", "/verify", json=wrong)
        assert words == "Token has expired or is invalid"
        answer = await auth.http.post("/verify", json={**wrong, "token": code})
        assert answer.json()["refresh_token"]
        fake = await auth.http.post("/signup", json=ADA)
        assert (fake.status_code, fake.json()["identities"]) == (200, [])
        assert fake.json()["id"] != answer.json()["user"]["id"]
        for email in (ADA["email"], "nobody@example.com"):
            recovered = await auth.http.post("/recover", json={"email": email})
            assert (recovered.status_code, recovered.json()) == (200, {})
        await mails.wait(2)
        assert mails.recipients == [[ADA["email"]]] * 2


async def test_a_dead_mail_server_is_reported(open_server: OpenAuth) -> None:
    async with mail_server() as mails:
        dead = mails.port
    async with open_server(**variables(dead)) as auth:
        json = {"email": ADA["email"]}
        words = await auth.refused(500, "unexpected_failure", "POST", "/otp", json=json)
        assert words == "Error sending confirmation email"


async def test_administrators_invite_and_make_links(
    open_server: OpenAuth, service_role: Callable[[str], dict[str, str]]
) -> None:
    secret = "a-legacy-secret-of-more-than-32-bytes"
    headers = service_role(secret)
    async with (
        mail_server() as mails,
        open_server(**variables(mails.port, GOTRUE_JWT_SECRET=secret)) as auth,
    ):
        for path in ("/invite", "/admin/generate_link"):
            await auth.refused(401, "no_authorization", "POST", path, json={})
        invited = await auth.http.post("/invite", headers=headers, json={"email": "b@example.com"})
        assert invited.json()["invited_at"]
        assert "type=invite" in link_in(await mails.wait(1))
        wanted = {"type": "recovery", "email": "b@example.com", "redirect_to": TO}
        made = (await auth.http.post("/admin/generate_link", headers=headers, json=wanted)).json()
        assert made["email"] == "b@example.com"
        assert (made["verification_type"], made["redirect_to"]) == ("recovery", TO)
        assert made["hashed_token"] in made["action_link"]
        assert len(mails.messages) == 1
        target = await clicked(auth, made["action_link"])
        assert values(target.fragment)["type"] == "recovery"
        token = {"Authorization": f"Bearer {values(target.fragment)['access_token']}"}
        assert (await auth.http.get("/reauthenticate", headers=token)).json() == {}
        assert code_in(await mails.wait(2))


async def test_links_and_codes_stand_behind_the_rate_limits(open_server: OpenAuth) -> None:
    limits = {"GOTRUE_RATE_LIMIT_HEADER": "X-Forwarded-For"}
    async with open_server(**variables(1, **limits)) as auth:
        headers = {"X-Forwarded-For": "203.0.113.9"}
        wrong = {"type": "email", "token": "x", "email": ADA["email"]}
        found = [
            (await auth.http.post("/verify", headers=headers, json=wrong)).status_code
            for _ in range(40)
        ]
        assert found[0] == 403
        assert found[-1] == 429


async def test_the_budget_counts_where_somebody_has_to_confirm(open_server: OpenAuth) -> None:
    few = {"GOTRUE_RATE_LIMIT_EMAIL_SENT": "1", "GOTRUE_MAILER_AUTOCONFIRM": "true"}
    async with mail_server() as mails:
        async with open_server(**variables(mails.port, **few)) as auth:
            await auth.sign_up()
            for count in (1, 2, 3):
                answer = await auth.http.post("/recover", json={"email": ADA["email"]})
                assert answer.status_code == 200, answer.text
                await mails.wait(count)
        none = {**few, "GOTRUE_RATE_LIMIT_EMAIL_SENT": "0"}
        counted = {**few, "GOTRUE_MAILER_AUTOCONFIRM": "false"}
        for settings, sent in ((none, 0), (counted, 1)):
            async with open_server(**variables(mails.port, **settings)) as auth:
                for _ in range(sent):
                    await auth.http.post("/otp", json={"email": ADA["email"]})
                for path in ("/recover", "/otp"):
                    words = await auth.refused(
                        429,
                        "over_email_send_rate_limit",
                        "POST",
                        path,
                        json={"email": ADA["email"]},
                    )
                    assert words == "email rate limit exceeded"


async def test_numbers_for_tests_cost_nothing(open_server: OpenAuth) -> None:
    settings = {
        "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
        "GOTRUE_SMS_TEST_OTP": "4915112345678:424242",
        "GOTRUE_SMS_MAX_FREQUENCY": "0s",
        "GOTRUE_RATE_LIMIT_SMS_SENT": "1",
    }
    async with open_server(**variables(1, **settings)) as auth:
        for _ in range(3):
            answer = await auth.http.post("/otp", json={"phone": "4915112345678"})
            assert answer.status_code == 200, answer.text
        body = {"type": "sms", "phone": "4915112345678", "token": "424242"}
        assert (await auth.http.post("/verify", json=body)).status_code == 200
