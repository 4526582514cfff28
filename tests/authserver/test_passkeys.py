"""Passkeys and security keys over HTTP, with an authenticator in software."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from tests.support.authenticator import Authenticator
from tests.support.plane import HasDatabase

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
SECRET = "a shared secret of forty characters or so"
UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"
ON = {
    "GOTRUE_PASSKEY_ENABLED": "true",
    "GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED": "true",
    "GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED": "true",
    "GOTRUE_JWT_SECRET": SECRET,
}
REGISTER = "/passkeys/registration"
SIGN_IN = "/passkeys/authentication"


def bearer(token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['access_token']}"}


async def post(auth: Any, path: str, body: Any = None, token: Any = None) -> Any:
    response = await auth.http.post(path, json=body or {}, headers=bearer(token) if token else {})
    assert response.status_code == 200, response.text
    return response.json()


async def registered(auth: Any, token: Any, device: Authenticator) -> Any:
    asked = await post(auth, f"{REGISTER}/options", token=token)
    answer = {"challenge_id": asked["challenge_id"], "credential": device.create(asked["options"])}
    return await post(auth, f"{REGISTER}/verify", answer, token)


async def answered(auth: Any, device: Authenticator) -> dict[str, Any]:
    asked = await post(auth, f"{SIGN_IN}/options")
    return {"challenge_id": asked["challenge_id"], "credential": device.get(asked["options"])}


async def test_making_and_using_a_passkey(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        device, token = Authenticator(), await auth.sign_up()
        asked = await post(auth, f"{REGISTER}/options", token=token)
        options = asked["options"]
        assert list(asked) == ["challenge_id", "options", "expires_at"]
        assert options["rp"] == {"name": "localhost", "id": "localhost"}
        assert options["user"]["name"] == "ada@example.com"
        assert options["attestation"] == "none"
        assert options["authenticatorSelection"]["residentKey"] == "required"
        made = await registered(auth, token, device)
        assert (made["transports"], made["backed_up"]) == (["internal"], False)
        again = await post(auth, f"{REGISTER}/options", token=token)
        assert [one["id"] for one in again["options"]["excludeCredentials"]]
        session = await post(auth, f"{SIGN_IN}/verify", await answered(auth, device))
        assert session["user"]["id"] == token["user"]["id"]
        (listed,) = (await auth.http.get("/passkeys", headers=bearer(session))).json()
        assert listed["id"] == made["id"]
        assert "last_used_at" in listed
        refreshed = await post(
            auth, "/token?grant_type=refresh_token", {"refresh_token": session["refresh_token"]}
        )
        assert refreshed["user"]["id"] == token["user"]["id"]
        assert (await auth.http.get("/settings")).json()["passkeys_enabled"] is True


async def test_what_does_not_sign_in(open_server: OpenAuth, database: HasDatabase) -> None:
    async with open_server(**ON) as auth:
        device, token = Authenticator(), await auth.sign_up()
        await registered(auth, token, device)

        async def refused(body: Any, code: str = "webauthn_verification_failed") -> str:
            # The challenge is used up by the first of the two requests, so one is enough.
            answer = await auth.http.post(f"{SIGN_IN}/verify", json=body)
            assert (answer.status_code, answer.json()["error_code"]) == (400, code), answer.text
            return str(answer.json()["msg"])

        replayed = await answered(auth, device)
        await post(auth, f"{SIGN_IN}/verify", replayed)
        assert await refused(replayed, "webauthn_challenge_not_found") == (
            "Challenge not found or already used"
        )
        failed = "Credential verification failed"
        for bent in (
            replace(device, origin="https://evil.example.com"),
            replace(device, rp_id="evil.example.com"),
            replace(device, key=Authenticator().key),
            replace(device, credential_id=b"unknown"),
            replace(device, user_handle=UNKNOWN.encode()),
            replace(device, counter=0),  # a copy that stayed behind
        ):
            assert await refused(await answered(auth, bent)) == failed
        foreign = await answered(auth, device)
        foreign["credential"] = device.get({"challenge": "AAAA"})
        assert await refused(foreign) == failed
        strange: list[Any] = [{}, {"rawId": 5}, {"rawId": "AA", "response": []}, [], "x"]
        for hostile in strange:
            await refused({**await answered(auth, device), "credential": hostile})
        asked = await answered(auth, device)
        pool = await database.pool()
        await pool.execute("update auth.webauthn_challenges set expires_at = now() - interval '1s'")
        await refused(asked, "webauthn_challenge_expired")
        for body, said in (
            ({}, "challenge_id is required"),
            ({"challenge_id": "x", "credential": {}}, "challenge_id must be a valid UUID"),
            ({"challenge_id": UNKNOWN}, "credential is required"),
        ):
            assert await refused(body, "validation_failed") == said
        # A used-up challenge of another kind does not serve.
        asked = await post(auth, f"{REGISTER}/options", token=token)
        body = {"challenge_id": asked["challenge_id"], "credential": device.get(asked["options"])}
        await refused(body, "webauthn_challenge_not_found")


async def test_who_may_not_sign_in(open_server: OpenAuth, database: HasDatabase) -> None:
    async with open_server(**ON) as auth:
        device, token = Authenticator(), await auth.sign_up()
        await registered(auth, token, device)
        pool = await database.pool()
        for change, back, code in (
            ("email_confirmed_at = null", "email_confirmed_at = now()", "email_not_confirmed"),
            ("phone = '1555'", "phone = null", "phone_not_confirmed"),
            ("banned_until = now() + interval '1 h'", "banned_until = null", "user_banned"),
            ("deleted_at = now()", "deleted_at = null", "user_not_found"),
        ):
            await pool.execute(f"update auth.users set {change}")
            body = await answered(auth, device)
            answer = await auth.http.post(f"{SIGN_IN}/verify", json=body)
            assert (answer.status_code, answer.json()["error_code"]) == (403, code)
            await pool.execute(f"update auth.users set {back}")
        await post(auth, f"{SIGN_IN}/verify", await answered(auth, device))


async def test_what_is_not_registered(open_server: OpenAuth, database: HasDatabase) -> None:
    async with open_server(**ON, GOTRUE_PASSKEY_MAX_PASSKEYS_PER_USER="1") as auth:
        device, token = Authenticator(), await auth.sign_up()
        other = await auth.sign_up("bob@example.com")
        asked = await post(auth, f"{REGISTER}/options", token=token)
        verify = f"{REGISTER}/verify"
        good = {
            "challenge_id": asked["challenge_id"],
            "credential": device.create(asked["options"]),
        }

        async def refused(status: int, code: str, body: Any, who: Any = token) -> None:
            await auth.refused(status, code, "POST", verify, json=body, headers=bearer(who))

        evil = replace(device, origin="https://evil.example.com").create(asked["options"])
        await refused(400, "webauthn_verification_failed", {**good, "credential": evil})
        await refused(400, "webauthn_verification_failed", {**good, "credential": {"id": 1}})
        await refused(400, "webauthn_challenge_not_found", good, other)
        await refused(400, "webauthn_challenge_not_found", {**good, "challenge_id": UNKNOWN})
        await refused(400, "validation_failed", {**good, "challenge_id": "x"})
        sign_in = await post(auth, f"{SIGN_IN}/options")
        await refused(400, "validation_failed", {**good, "challenge_id": sign_in["challenge_id"]})
        pool = await database.pool()
        sql = "update auth.webauthn_challenges set expires_at = expires_at {} interval '1 h'"
        await pool.execute(sql.format("-"))
        await refused(400, "webauthn_challenge_expired", good)
        await pool.execute(sql.format("+"))
        late = await post(auth, f"{REGISTER}/options", token=token)
        await post(auth, verify, good, token)
        await refused(400, "webauthn_challenge_not_found", good)
        second = Authenticator().create(late["options"])
        answer = await auth.http.post(
            verify,
            json={"challenge_id": late["challenge_id"], "credential": second},
            headers=bearer(token),
        )
        assert (answer.status_code, answer.json()["error_code"]) == (422, "too_many_passkeys")
        await auth.refused(
            422, "too_many_passkeys", "POST", f"{REGISTER}/options", headers=bearer(token)
        )
        hers = await post(auth, f"{REGISTER}/options", token=other)
        taken = {
            "challenge_id": hers["challenge_id"],
            "credential": device.create(hers["options"]),
        }
        answer = await auth.http.post(verify, json=taken, headers=bearer(other))
        assert (answer.status_code, answer.json()["error_code"]) == (
            422,
            "webauthn_credential_exists",
        )
        await pool.execute(
            "update auth.users set is_sso_user = true where email = 'bob@example.com'"
        )
        said = await auth.refused(
            422, "validation_failed", "POST", f"{REGISTER}/options", headers=bearer(other)
        )
        assert said == "SSO users cannot register passkeys"
        await auth.refused(401, "no_authorization", "POST", f"{REGISTER}/options")


async def test_names_and_ends(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(**ON) as auth:
        device, token = Authenticator(), await auth.sign_up()
        one = f"/passkeys/{(await registered(auth, token, device))['id']}"
        me, admin = bearer(token), service_role(SECRET)
        named = await auth.http.patch(one, json={"friendly_name": "laptop"}, headers=me)
        assert named.json()["friendly_name"] == "laptop"
        for status, path, body in (
            (400, one, {}),
            (400, one, {"friendly_name": "é" * 61}),
            (404, f"/passkeys/{UNKNOWN}", {"friendly_name": "x"}),
            (404, "/passkeys/x", {"friendly_name": "x"}),
        ):
            await auth.refused(status, "validation_failed", "PATCH", path, json=body, headers=me)
        stranger = bearer(await auth.sign_up("bob@example.com"))
        await auth.refused(404, "validation_failed", "DELETE", one, headers=stranger)
        assert (await auth.http.request("DELETE", one, headers=me)).status_code == 204
        await auth.refused(404, "validation_failed", "DELETE", one, headers=me)
        answer = await auth.http.post(f"{SIGN_IN}/verify", json=await answered(auth, device))
        assert answer.json()["error_code"] == "webauthn_verification_failed"
        made = await registered(auth, token, Authenticator())
        of_user = f"/admin/users/{token['user']['id']}/passkeys"
        (listed,) = (await auth.http.get(of_user, headers=admin)).json()
        assert listed["id"] == made["id"]
        gone = await auth.http.request("DELETE", f"{of_user}/{made['id']}", headers=admin)
        assert gone.status_code == 204
        await auth.refused(
            404, "validation_failed", "DELETE", f"{of_user}/{made['id']}", headers=admin
        )
        await auth.refused(403, "not_admin", "GET", of_user, headers=me)
        audit = (await auth.http.get("/admin/audit?query=action:passkey", headers=admin)).json()
        assert {line["payload"]["action"] for line in audit} == {
            "passkey_created",
            "passkey_updated",
            "passkey_deleted",
        }


async def test_security_keys_switched_off(open_server: OpenAuth) -> None:
    body = {"factor_type": "webauthn", "friendly_name": "key"}
    async with open_server(GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED="true") as auth:
        token = await auth.sign_up()
        me = bearer(token)
        one = f"/factors/{(await post(auth, '/factors', body, token))['id']}"
        off, code = "mfa_webauthn_verify_not_enabled", {"webauthn": {"type": "create"}}
        await auth.refused(422, off, "POST", f"{one}/challenge", headers=me)
        await auth.refused(422, off, "POST", f"{one}/verify", json=code, headers=me)
    async with open_server() as auth:
        off = "mfa_webauthn_enroll_not_enabled"
        await auth.refused(422, off, "POST", "/factors", json=body, headers=me)


async def test_a_security_key_as_second_factor(
    open_server: OpenAuth, database: HasDatabase
) -> None:
    async with open_server(**ON) as auth:
        device, token = Authenticator(), await auth.sign_up()
        made = await post(
            auth, "/factors", {"factor_type": "webauthn", "friendly_name": "key"}, token
        )
        assert made == {"id": made["id"], "type": "webauthn", "friendly_name": "key"}
        one = f"/factors/{made['id']}"

        async def asked(kind: str, who: Any) -> tuple[str, Any]:
            challenge = await post(auth, f"{one}/challenge", token=who)
            assert challenge["webauthn"]["type"] == kind
            return challenge["id"], challenge["webauthn"]["credential_options"]["publicKey"]

        challenge_id, options = await asked("create", token)
        response = {"type": "create", "credential_response": device.create(options)}
        body = {"challenge_id": challenge_id, "webauthn": response}
        lifted = await post(auth, f"{one}/verify", body, token)
        low = await post(
            auth,
            "/token?grant_type=password",
            {"email": "ada@example.com", "password": "correct horse"},
        )
        challenge_id, options = await asked("request", low)
        assert len(options["allowCredentials"]) == 1

        async def refused(status: int, code: str, webauthn: Any) -> None:
            body = {"challenge_id": challenge_id, "webauthn": webauthn}
            await auth.refused(
                status, code, "POST", f"{one}/verify", json=body, headers=bearer(low)
            )

        answer = device.get(options)
        stranger = replace(device, key=Authenticator().key).get(options)
        await refused(400, "validation_failed", None)
        await refused(400, "validation_failed", {"type": "x", "credential_response": answer})
        await refused(400, "validation_failed", {"type": "request"})
        wrong = {"type": "request", "credential_response": stranger}
        await refused(422, "mfa_verification_failed", wrong)
        made_again = {
            "type": "create",
            "credential_response": Authenticator().create({**options, "user": {"id": "MQ"}}),
        }
        await refused(422, "mfa_verification_failed", made_again)  # no new key for an old factor
        body = {
            "challenge_id": challenge_id,
            "webauthn": {"type": "request", "credential_response": answer},
        }
        climbed = await post(auth, f"{one}/verify", body, low)
        await auth.refused(
            422, "mfa_factor_not_found", "POST", f"{one}/verify", json=body, headers=bearer(climbed)
        )
        pool = await database.pool()
        row = await pool.fetchrow(
            "select web_authn_credential, last_webauthn_challenge_data from auth.mfa_factors"
        )
        assert row is not None
        column = json.loads(row["web_authn_credential"])
        assert column["authenticator"]["signCount"] == device.counter
        assert json.loads(row["last_webauthn_challenge_data"])["type"] == "request"
        levels = await pool.fetch("select aal::text from auth.sessions")
        assert [level["aal"] for level in levels] == ["aal2", "aal2"]
        # Passkeys of this account take the second factor now.
        third = await post(
            auth,
            "/token?grant_type=password",
            {"email": "ada@example.com", "password": "correct horse"},
        )
        await auth.refused(
            403, "insufficient_aal", "POST", f"{REGISTER}/options", headers=bearer(third)
        )
        await registered(auth, lifted, Authenticator())
