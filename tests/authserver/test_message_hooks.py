"""Mail and text messages handed to hooks instead of a mail server or an SMS provider."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.support.hook_server import SECRET, HookServer, hook_server

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]


def hooked(name: str, server: HookServer) -> dict[str, str]:
    return {
        f"GOTRUE_HOOK_{name}_ENABLED": "true",
        f"GOTRUE_HOOK_{name}_URI": server.url,
        f"GOTRUE_HOOK_{name}_SECRETS": SECRET,
    }


async def test_mail(open_server: OpenAuth) -> None:
    async with hook_server() as server:
        variables = {**hooked("SEND_EMAIL", server), "GOTRUE_MAILER_AUTOCONFIRM": "false"}
        async with open_server(**variables) as auth:
            body = {"email": "ada@example.com", "password": "correct horse"}
            answer = await auth.http.post("/signup", json=body)
            assert answer.status_code == 200, answer.text
    [asked] = server.asked
    assert asked.signed_by()
    document = asked.document
    assert document["metadata"]["name"] == "send-email"
    assert document["user"]["email"] == "ada@example.com"
    data = document["email_data"]
    assert (data["email_action_type"], len(data["token"])) == ("signup", 6)
    assert data["token_hash"]
    assert (data["token_new"], data["token_hash_new"]) == ("", "")


async def test_a_code_by_mail_signs_in(open_server: OpenAuth) -> None:
    async with hook_server() as server, open_server(**hooked("SEND_EMAIL", server)) as auth:
        await auth.sign_up()
        answer = await auth.http.post("/otp", json={"email": "ada@example.com"})
        assert answer.status_code == 200, answer.text
        code = server.asked[-1].document["email_data"]["token"]
        body = {"email": "ada@example.com", "token": code, "type": "email"}
        assert (await auth.http.post("/verify", json=body)).status_code == 200


async def test_text_messages(open_server: OpenAuth) -> None:
    async with hook_server() as server:
        variables = {**hooked("SEND_SMS", server), "GOTRUE_EXTERNAL_PHONE_ENABLED": "true"}
        async with open_server(**variables) as auth:
            answer = await auth.http.post("/otp", json={"phone": "+15005550006"})
            assert answer.status_code == 200, answer.text
            sms = server.asked[-1].document["sms"]
            assert (sms["phone"], sms["sms_type"]) == ("15005550006", "sms")
            body = {"phone": "+15005550006", "token": sms["otp"], "type": "sms"}
            assert (await auth.http.post("/verify", json=body)).status_code == 200


async def test_the_budgets_count_for_hooks_too(open_server: OpenAuth) -> None:
    async with hook_server() as server:
        few = {
            "GOTRUE_RATE_LIMIT_EMAIL_SENT": "1",
            "GOTRUE_RATE_LIMIT_SMS_SENT": "1",
            "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
            "GOTRUE_SMS_MAX_FREQUENCY": "0s",
            "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
            "GOTRUE_MAILER_AUTOCONFIRM": "false",
        }
        both = {**hooked("SEND_EMAIL", server), **hooked("SEND_SMS", server)}
        async with open_server(**both, **few) as auth:
            for contact, code in (
                ({"email": "ada@example.com"}, "over_email_send_rate_limit"),
                ({"phone": "+15005550006"}, "over_sms_send_rate_limit"),
            ):
                assert (await auth.http.post("/otp", json=contact)).status_code == 200
                await auth.refused(429, code, "POST", "/otp", json=contact)
    assert len(server.asked) == 2
