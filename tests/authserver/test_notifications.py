"""Mails that tell users what was changed in their account, as they arrive."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.authserver.test_message_hooks import hooked
from tests.support.hook_server import hook_server
from tests.support.messages import MailServer, body, link_in, mail_server
from tests.support.oauth import bearer

from keyturn.accounts import totp
from keyturn.accounts.message_settings import NOTIFICATIONS

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
ALL = {f"GOTRUE_MAILER_NOTIFICATIONS_{name.upper()}_ENABLED": "true" for name in NOTIFICATIONS}


def variables(server: MailServer) -> dict[str, str]:
    return {"GOTRUE_SMTP_HOST": "127.0.0.1", "GOTRUE_SMTP_PORT": str(server.port), **ALL}


def told(message: EmailMessage) -> tuple[str, str]:
    return str(message["To"]), str(message["Subject"])


async def test_a_new_password(open_server: OpenAuth, tmp_path: Path) -> None:
    template = tmp_path / "changed.html"
    template.write_text("<p>Hello {{ .Data.name }}, {{ .Email }} has a new password.</p>")
    async with mail_server() as server:
        own = {
            "GOTRUE_MAILER_SUBJECTS_PASSWORD_CHANGED_NOTIFICATION": "New password of {{ .Email }}",
            "GOTRUE_MAILER_TEMPLATES_PASSWORD_CHANGED_NOTIFICATION": f"file:{template}",
        }
        async with open_server(**variables(server), **own) as auth:
            who = bearer(await auth.sign_up())
            changed = {"password": "another horse", "data": {"name": "Ada"}}
            answer = await auth.http.put("/user", json=changed, headers=who)
            assert answer.status_code == 200, answer.text
            mail = await server.wait(1)
            assert told(mail) == ("ada@example.com", "New password of ada@example.com")
            assert "Hello Ada, ada@example.com has a new password." in body(mail)
        assert len(server.messages) == 1, "other changes are not told"


async def test_a_new_address_is_told_to_the_old_one(open_server: OpenAuth) -> None:
    async with mail_server() as server:
        off = {"GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED": "false"}
        async with open_server(**variables(server), **off) as auth:
            who = bearer(await auth.sign_up())
            changed = {"email": "new@example.com"}
            await auth.http.put("/user", json=changed, headers=who)
            link = link_in(await server.wait(1))
            answer = await auth.http.get("/verify" + link[link.index("?") :])
            assert "access_token" in answer.headers["location"]
            mail = await server.wait(2)
            assert told(mail) == ("ada@example.com", "Your email address has been changed")
            assert "from ada@example.com to new@example.com" in body(mail)


async def test_a_new_number(open_server: OpenAuth) -> None:
    async with mail_server() as server:
        phone = {
            "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
            "GOTRUE_SMS_TEST_OTP": "15005550006:123456",
        }
        async with open_server(**variables(server), **phone) as auth:
            who = bearer(await auth.sign_up())
            changed = {"phone": "+15005550006"}
            await auth.http.put("/user", json=changed, headers=who)
            right = {"phone": "+15005550006", "token": "123456", "type": "phone_change"}
            assert (await auth.http.post("/verify", json=right)).status_code == 200
            mail = await server.wait(1)
            assert told(mail) == ("ada@example.com", "Your phone number has been changed")
            assert "15005550006" in body(mail)


async def test_second_factors(open_server: OpenAuth) -> None:
    async with mail_server() as server, open_server(**variables(server)) as auth:
        who = bearer(await auth.sign_up())
        made = (await auth.http.post("/factors", json={"factor_type": "totp"}, headers=who)).json()
        one = f"/factors/{made['id']}"
        challenge = (await auth.http.post(f"{one}/challenge", json={}, headers=who)).json()
        code = totp.code_at(made["totp"]["secret"], datetime.now(UTC))
        shown = {"challenge_id": challenge["id"], "code": code}
        lifted = await auth.http.post(f"{one}/verify", json=shown, headers=who)
        assert lifted.status_code == 200, lifted.text
        mail = await server.wait(1)
        assert told(mail) == ("ada@example.com", "A new MFA factor has been enrolled")
        assert "totp" in body(mail)
        removed = await auth.http.delete(one, headers=bearer(lifted.json()))
        assert removed.status_code == 200, removed.text
        assert told(await server.wait(2))[1] == "An MFA factor has been unenrolled"


async def test_the_budget_of_mails_counts(open_server: OpenAuth) -> None:
    async with mail_server() as server:
        few = {"GOTRUE_RATE_LIMIT_EMAIL_SENT": "1"}
        async with open_server(**variables(server), **few) as auth:
            who = bearer(await auth.sign_up())
            for number in range(3):
                changed = {"password": f"horse number {number}"}
                answer = await auth.http.put("/user", json=changed, headers=who)
                assert answer.status_code == 200, answer.text
        assert len(server.messages) == 1


@pytest.mark.parametrize("on", [True, False])
async def test_the_hook_is_told_instead(open_server: OpenAuth, on: bool) -> None:
    async with hook_server() as hook:
        given = hooked("SEND_EMAIL", hook) | (ALL if on else {})
        async with open_server(**given) as auth:
            who = bearer(await auth.sign_up())
            changed = {"password": "another horse"}
            await auth.http.put("/user", json=changed, headers=who)
        kinds = [asked.document["email_data"]["email_action_type"] for asked in hook.asked]
        assert kinds == (["password_changed_notification"] if on else [])
