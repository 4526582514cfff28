"""Second factors and identities over HTTP: bodies as clients read them, and every refusal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

from keyturn.accounts import totp

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
SECRET = "a shared secret of forty characters or so"
UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"


def bearer(token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['access_token']}"}


def code_now(secret: str) -> str:
    return totp.code_at(secret, datetime.now(UTC))


async def enrolled(auth: Any, headers: dict[str, str], name: str = "app") -> Any:
    body = {"factor_type": "totp", "friendly_name": name, "issuer": "Example"}
    response = await auth.http.post("/factors", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def lifted(auth: Any, headers: dict[str, str], made: Any) -> Any:
    path = f"/factors/{made['id']}"
    challenge = await auth.http.post(f"{path}/challenge", headers=headers)
    assert challenge.status_code == 200, challenge.text
    answer = {"challenge_id": challenge.json()["id"], "code": code_now(made["totp"]["secret"])}
    response = await auth.http.post(f"{path}/verify", json=answer, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def test_the_whole_way(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        headers = bearer(await auth.sign_up())
        made = await enrolled(auth, headers)
        assert list(made) == ["id", "type", "friendly_name", "totp"]
        assert list(made["totp"]) == ["qr_code", "secret", "uri"]
        assert made["totp"]["uri"].startswith("otpauth://totp/Example:ada@example.com?")
        challenge = (
            await auth.http.post(f"/factors/{made['id']}/challenge", headers=headers)
        ).json()
        assert list(challenge) == ["id", "type", "expires_at"]
        token = await lifted(auth, headers, made)
        assert list(token)[:5] == [
            "access_token",
            "token_type",
            "expires_in",
            "expires_at",
            "refresh_token",
        ]
        shown = token["user"]["factors"][0]
        assert list(shown) == [
            "id",
            "created_at",
            "updated_at",
            "status",
            "friendly_name",
            "factor_type",
            "phone",
            "last_challenged_at",
        ]
        assert shown["status"] == "verified"
        gone = await auth.http.request("DELETE", f"/factors/{made['id']}", headers=bearer(token))
        assert gone.json() == {"id": made["id"]}


async def test_refusals(open_server: OpenAuth) -> None:
    async with open_server(
        GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED="true",
        GOTRUE_SECURITY_MANUAL_LINKING_ENABLED="true",
        GOTRUE_MFA_MAX_ENROLLED_FACTORS="1",
    ) as auth:
        token = await auth.sign_up()
        me = bearer(token)
        await enrolled(auth, me)
        one = f"/factors/{UNKNOWN}"
        code = {"challenge_id": UNKNOWN, "code": "123456"}
        totp_again = {"factor_type": "totp", "friendly_name": "app"}
        another = {**totp_again, "friendly_name": "x"}
        guest = bearer((await auth.http.post("/signup", json={})).json())
        identity = token["user"]["identities"][0]["identity_id"]
        for status, error, method, path, body, who in (
            (401, "no_authorization", "POST", "/factors", totp_again, {}),
            (403, "no_authorization", "POST", "/factors", totp_again, guest),
            (400, "bad_json", "POST", "/factors", {"factor_type": 5}, me),
            (400, "validation_failed", "POST", "/factors", {}, me),
            (422, "mfa_factor_name_conflict", "POST", "/factors", totp_again, me),
            (422, "too_many_enrolled_mfa_factors", "POST", "/factors", another, me),
            (404, "mfa_factor_not_found", "POST", f"{one}/challenge", {}, me),
            (404, "validation_failed", "POST", "/factors/x/challenge", {}, me),
            (404, "mfa_factor_not_found", "POST", f"{one}/verify", code, me),
            (404, "mfa_factor_not_found", "DELETE", one, None, me),
            (
                422,
                "single_identity_not_deletable",
                "DELETE",
                f"/user/identities/{identity}",
                None,
                me,
            ),
            (404, "validation_failed", "DELETE", "/user/identities/x", None, me),
        ):
            options = {} if body is None else {"json": body}
            await auth.refused(status, error, method, path, headers=who, **options)


async def test_administrators(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        admin = service_role(SECRET)
        token = await auth.sign_up()
        made = await enrolled(auth, bearer(token))
        token = await lifted(auth, bearer(token), made)
        await enrolled(auth, bearer(token), "other")
        path = f"/admin/users/{token['user']['id']}/factors"
        listed = (await auth.http.get(path, headers=admin)).json()
        assert [factor["friendly_name"] for factor in listed] == ["app", "other"]
        one = f"{path}/{made['id']}"
        changed = await auth.http.put(one, json={"friendly_name": "renamed"}, headers=admin)
        assert changed.json()["friendly_name"] == "renamed"
        await auth.refused(
            422,
            "mfa_factor_name_conflict",
            "PUT",
            one,
            json={"friendly_name": "other"},
            headers=admin,
        )
        await auth.refused(
            404, "mfa_factor_not_found", "PUT", f"{path}/{UNKNOWN}", json={}, headers=admin
        )
        await auth.refused(
            404, "mfa_factor_not_found", "DELETE", f"{path}/{UNKNOWN}", headers=admin
        )
        await auth.refused(403, "not_admin", "GET", path, headers=bearer(token))
        gone = await auth.http.request("DELETE", one, headers=admin)
        assert (gone.status_code, gone.json()["id"]) == (200, made["id"])
        refreshed = await auth.http.post(
            "/token?grant_type=refresh_token", json={"refresh_token": token["refresh_token"]}
        )
        assert refreshed.status_code == 200
        left = await auth.http.get("/user", headers=bearer(refreshed.json()))
        assert [factor["friendly_name"] for factor in left.json()["factors"]] == ["other"]


async def test_a_phone_factor_needs_a_sender(open_server: OpenAuth) -> None:
    async with open_server(
        GOTRUE_MFA_PHONE_ENROLL_ENABLED="true", GOTRUE_MFA_PHONE_VERIFY_ENABLED="true"
    ) as auth:
        me = bearer(await auth.sign_up())
        body = {"factor_type": "phone", "friendly_name": "p", "phone": "15550100"}
        made = (await auth.http.post("/factors", json=body, headers=me)).json()
        assert made == {
            "id": made["id"],
            "type": "phone",
            "friendly_name": "p",
            "phone": "15550100",
        }
        path = f"/factors/{made['id']}/challenge"
        await auth.refused(422, "sms_send_failed", "POST", path, headers=me)
        channel = {"channel": "pigeon"}
        await auth.refused(400, "validation_failed", "POST", path, json=channel, headers=me)
        code = {"challenge_id": UNKNOWN, "code": "123456"}
        path = f"/factors/{made['id']}/verify"
        await auth.refused(422, "mfa_factor_not_found", "POST", path, json=code, headers=me)


async def test_a_security_key_is_shown_with_what_gotrue_stores(
    open_server: OpenAuth, service_role: Bearer, database: Any
) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        token = await auth.sign_up()
        await enrolled(auth, bearer(token))
        of_user = (await auth.http.get("/user", headers=bearer(token))).json()["factors"]
        assert list(of_user[0]) == [
            "id",
            "created_at",
            "updated_at",
            "status",
            "friendly_name",
            "factor_type",
            "phone",
            "last_challenged_at",
        ]
        pool = await database.pool()
        await pool.execute(
            "update auth.mfa_factors set factor_type = 'webauthn', web_authn_aaguid = $1,"
            " last_webauthn_challenge_data = $2",
            UNKNOWN,
            '{"type": "create", "challenge": {"challenge": "x"}}',
        )
        path = f"/admin/users/{token['user']['id']}/factors"
        (shown,) = (await auth.http.get(path, headers=service_role(SECRET))).json()
        assert shown["web_authn_aaguid"] == UNKNOWN
        last = {"type": "create", "challenge": {"challenge": "x"}}
        assert shown["last_webauthn_challenge_data"] == last
        of_user = (await auth.http.get("/user", headers=bearer(token))).json()["factors"]
        assert of_user == [shown]
