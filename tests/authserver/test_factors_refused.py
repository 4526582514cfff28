"""Second factors that are off, over or somebody else's, as clients are told over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.authserver.test_factors import bearer, code_now, enrolled, lifted
from tests.authserver.test_message_hooks import hooked
from tests.support.hook_server import hook_server

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
PHONE = "4915112345678"
ELSEWHERE = {"X-Forwarded-For": "203.0.113.9"}
PHONES = {
    "GOTRUE_SMS_TEST_OTP": f"{PHONE}:424242",
    "GOTRUE_MFA_PHONE_ENROLL_ENABLED": "true",
    "GOTRUE_MFA_PHONE_VERIFY_ENABLED": "true",
}
BODIES = {
    "totp": {"factor_type": "totp", "friendly_name": "app"},
    "phone": {"factor_type": "phone", "friendly_name": "phone", "phone": PHONE},
}


async def test_kinds_that_are_off(open_server: OpenAuth) -> None:
    async with open_server(**PHONES) as auth:
        me = bearer(await auth.sign_up())
        made = {
            kind: (await auth.http.post("/factors", json=body, headers=me)).json()
            for kind, body in BODIES.items()
        }
    off = {
        f"GOTRUE_MFA_{kind}_{verb}_ENABLED": "false"
        for kind in ("TOTP", "PHONE")
        for verb in ("ENROLL", "VERIFY")
    }
    async with open_server(**off) as auth:
        for kind, body in BODIES.items():
            await auth.refused(
                422, f"mfa_{kind}_enroll_not_enabled", "POST", "/factors", json=body, headers=me
            )
            path = f"/factors/{made[kind]['id']}"
            code = {"challenge_id": made[kind]["id"], "code": "123456"}
            for what, asked in (("challenge", {}), ("verify", code)):
                await auth.refused(
                    422,
                    f"mfa_{kind}_verify_not_enabled",
                    "POST",
                    f"{path}/{what}",
                    json=asked,
                    headers=me,
                )


async def test_challenges_end_and_stay_where_they_began(
    open_server: OpenAuth, database: Any
) -> None:
    async with open_server() as auth:
        me = bearer(await auth.sign_up())
        made = await enrolled(auth, me)
        path = f"/factors/{made['id']}"

        async def challenged() -> dict[str, str]:
            asked = (await auth.http.post(f"{path}/challenge", headers=me)).json()
            return {"challenge_id": asked["id"], "code": code_now(made["totp"]["secret"])}

        answer = await challenged()
        elsewhere = {**me, **ELSEWHERE}
        await auth.refused(
            422, "mfa_ip_address_mismatch", "POST", f"{path}/verify", json=answer, headers=elsewhere
        )
        admin = await database.pool(database.dsn, size=1)
        old = "update auth.mfa_challenges set created_at = now() - interval '6 min'"
        await admin.execute(old)
        expired = await auth.http.post(f"{path}/verify", json=answer, headers=me)
        assert expired.status_code == 422
        assert expired.json()["error_code"] == "mfa_challenge_expired"
        again = await auth.http.post(f"{path}/verify", json=await challenged(), headers=me)
        assert again.status_code == 200, again.text


async def test_a_number_is_verified_once(open_server: OpenAuth) -> None:
    async with open_server(**PHONES) as auth:
        me = bearer(await auth.sign_up())
        made = (await auth.http.post("/factors", json=BODIES["phone"], headers=me)).json()
        path = f"/factors/{made['id']}"
        asked = (await auth.http.post(f"{path}/challenge", headers=me)).json()
        answer = {"challenge_id": asked["id"], "code": "424242"}
        token = await auth.http.post(f"{path}/verify", json=answer, headers=me)
        assert token.status_code == 200, token.text
        me = bearer(token.json())
        again = {**BODIES["phone"], "friendly_name": "another"}
        await auth.refused(
            422, "mfa_verified_factor_exists", "POST", "/factors", json=again, headers=me
        )
        await auth.refused(429, "over_sms_send_rate_limit", "POST", f"{path}/challenge", headers=me)


async def test_a_hook_may_reject_a_right_code(open_server: OpenAuth) -> None:
    async with (
        hook_server() as server,
        open_server(**hooked("MFA_VERIFICATION_ATTEMPT", server)) as auth,
    ):
        me = bearer(await auth.sign_up())
        made = await enrolled(auth, me)
        path = f"/factors/{made['id']}"
        asked = (await auth.http.post(f"{path}/challenge", headers=me)).json()
        server.says({"decision": "reject", "message": "not today"})
        answer = {"challenge_id": asked["id"], "code": code_now(made["totp"]["secret"])}
        refused = await auth.http.post(f"{path}/verify", json=answer, headers=me)
        assert refused.status_code == 403
        assert refused.json()["error_code"] == "mfa_verification_rejected"
        assert refused.json()["msg"] == "not today"
        assert (await auth.http.get("/user", headers=me)).status_code == 403, "signed out"


async def test_a_lifted_session_may_go_on(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        me = bearer(await auth.sign_up())
        made = await enrolled(auth, me)
        await lifted(auth, me, made)
        other = bearer(
            (
                await auth.http.post(
                    "/token?grant_type=password",
                    json={"email": "ada@example.com", "password": "correct horse"},
                )
            ).json()
        )
        await auth.refused(
            422, "insufficient_aal", "DELETE", f"/factors/{made['id']}", headers=other
        )
