"""Refusals about passwords, contacts and codes, as clients are told them over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.support.messages import code_in, link_in, mail_server
from tests.support.oauth import VERIFIER, answered, bearer, s256

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
ADA = {"email": "ada@example.com", "password": "correct horse"}
PHONE = "4915112345678"


def mailing(port: int, **more: str) -> dict[str, str]:
    return {
        "API_EXTERNAL_URL": "http://auth.test",
        "GOTRUE_SMTP_HOST": "127.0.0.1",
        "GOTRUE_SMTP_PORT": str(port),
        "GOTRUE_SMTP_ADMIN_EMAIL": "hello@example.com",
        "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
        **more,
    }


async def test_nobody_to_hand_a_message_to(open_server: OpenAuth) -> None:
    off = {"GOTRUE_MAILER_AUTOCONFIRM": "false", "GOTRUE_EXTERNAL_PHONE_ENABLED": "true"}
    async with open_server(**off) as auth:
        said = await auth.refused(400, "email_provider_disabled", "POST", "/signup", json=ADA)
        assert "GOTRUE_SMTP_HOST" in said
        phone = {"phone": PHONE, "password": "correct horse"}
        said = await auth.refused(400, "phone_provider_disabled", "POST", "/signup", json=phone)
        assert "GOTRUE_SMS_PROVIDER" in said
    async with open_server(GOTRUE_EXTERNAL_EMAIL_ENABLED="false") as auth:
        said = await auth.refused(400, "email_provider_disabled", "POST", "/signup", json=ADA)
        assert said == "Email signups are disabled"
        said = await auth.refused(
            400, "phone_provider_disabled", "POST", "/otp", json={"phone": PHONE}
        )
        assert said == "Unsupported phone provider"


async def test_a_code_for_who_may_not_have_one(open_server: OpenAuth) -> None:
    async with mail_server() as mails, open_server(**mailing(mails.port)) as auth:
        body = {"email": "nobody@example.com", "create_user": False}
        said = await auth.refused(422, "otp_disabled", "POST", "/otp", json=body)
        assert said == "Signups not allowed for otp"
    assert mails.messages == []


async def test_a_password_is_replaced_by_another_one(open_server: OpenAuth) -> None:
    async with open_server(GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD="true") as auth:
        me = bearer(await auth.sign_up())
        body = {"password": "another horse"}

        async def refused(status: int, code: str, **more: str) -> None:
            given = {"json": {**body, **more}, "headers": me}
            await auth.refused(status, code, "PUT", "/user", **given)

        await refused(400, "current_password_required")
        await refused(400, "current_password_invalid", current_password="wrong one")
        right = {"current_password": ADA["password"]}
        await refused(422, "same_password", password=ADA["password"], **right)
        await refused(422, "weak_password", password="x", **right)
        answer = await auth.http.put("/user", json={**body, **right}, headers=me)
        assert answer.status_code == 200, answer.text


async def test_an_old_session_needs_a_nonce(open_server: OpenAuth, database: Any) -> None:
    async with mail_server() as mails:
        careful = {"GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION": "true"}
        async with open_server(**mailing(mails.port, **careful)) as auth:
            me = bearer(await auth.sign_up())
            admin = await database.pool(database.dsn, size=1)
            await admin.execute("update auth.sessions set created_at = now() - interval '25 h'")
            body = {"password": "another horse"}
            options = {"json": body, "headers": me}
            await auth.refused(400, "reauthentication_needed", "PUT", "/user", **options)
            assert (await auth.http.get("/reauthenticate", headers=me)).status_code == 200
            nonce = code_in(await mails.wait(1))
            wrong = "000000" if nonce != "000000" else "111111"
            options["json"] = {**body, "nonce": wrong}
            await auth.refused(422, "reauthentication_not_valid", "PUT", "/user", **options)
            answer = await auth.http.put("/user", json={**body, "nonce": nonce}, headers=me)
            assert answer.status_code == 200, answer.text


async def test_who_is_managed_elsewhere(open_server: OpenAuth, database: Any) -> None:
    async with open_server() as auth:
        me = bearer(await auth.sign_up())
        admin = await database.pool(database.dsn, size=1)
        await admin.execute("update auth.users set is_sso_user = true")
        body = {"password": "another horse"}
        await auth.refused(422, "user_sso_managed", "PUT", "/user", json=body, headers=me)


async def test_contacts_of_somebody_else(open_server: OpenAuth) -> None:
    phones = {"GOTRUE_EXTERNAL_PHONE_ENABLED": "true", "GOTRUE_SMS_AUTOCONFIRM": "true"}
    async with mail_server() as mails, open_server(**mailing(mails.port, **phones)) as auth:
        me = bearer(await auth.sign_up())
        await auth.sign_up("bob@example.com")
        other = {"phone": PHONE, "password": "correct horse"}
        assert (await auth.http.post("/signup", json=other)).status_code == 200
        options = {"json": {"phone": PHONE}, "headers": me}
        await auth.refused(422, "phone_exists", "PUT", "/user", **options)
        options["json"] = {"email": "BOB@example.com"}
        await auth.refused(422, "email_exists", "PUT", "/user", **options)
        await auth.refused(422, "user_already_exists", "POST", "/signup", json=other)


async def test_a_code_that_was_not_exchanged_in_time(open_server: OpenAuth, database: Any) -> None:
    async with mail_server() as mails, open_server(**mailing(mails.port)) as auth:
        await auth.sign_up()
        challenge = {"code_challenge": s256(VERIFIER), "code_challenge_method": "s256"}
        await auth.http.post("/recover", json={"email": ADA["email"], **challenge})
        followed = await auth.http.get(link_in(await mails.wait(1)))
        body = {
            "auth_code": answered(followed.headers["location"])["code"],
            "code_verifier": VERIFIER,
        }
        admin = await database.pool(database.dsn, size=1)
        await admin.execute(
            "update auth.flow_state set auth_code_issued_at = now() - interval '6 min'"
        )
        path = "/token?grant_type=pkce"
        await auth.refused(422, "flow_state_expired", "POST", path, json=body)


async def test_identities_that_stay(open_server: OpenAuth, database: Any) -> None:
    async with open_server(GOTRUE_SECURITY_MANUAL_LINKING_ENABLED="true") as auth:
        token, other = await auth.sign_up(), await auth.sign_up("bob@example.com")
        admin = await database.pool(database.dsn, size=1)
        await admin.execute(
            "insert into auth.identities (provider_id, user_id, identity_data, provider,"
            " created_at, updated_at) values ('7', $1, $2, 'github', now(), now())",
            token["user"]["id"],
            '{"sub": "7", "email": "bob@example.com"}',
        )
        own, theirs = (
            f"/user/identities/{one['user']['identities'][0]['identity_id']}"
            for one in (token, other)
        )
        me = bearer(token)
        await auth.refused(422, "identity_not_found", "DELETE", theirs, headers=me)
        await auth.refused(422, "email_conflict_identity_not_deletable", "DELETE", own, headers=me)
        shown = (await auth.http.get("/user", headers=me)).json()
        assert len(shown["identities"]) == 2
