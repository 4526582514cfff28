"""From the authorization request to tokens, and every way not to get them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.support.oauth import (
    CALLBACK,
    ON,
    VERIFIER,
    Party,
    answered,
    bearer,
    oauth_error,
    party,
    payload,
)

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"
GRANTS = "/user/oauth/grants"


async def test_the_whole_way(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth, client_uri="https://app.example.com")
        request = await app.requested()
        looked = (await app.look(request)).json()
        assert looked == {
            "authorization_id": request,
            "redirect_uri": CALLBACK,
            "client": {
                "id": app.client["client_id"],
                "name": "App",
                "uri": "https://app.example.com",
            },
            "user": {"id": app.user["user"]["id"], "email": "ada@example.com"},
            "scope": "openid email profile",
        }
        target = (await app.decide(request)).json()["redirect_url"]
        assert target.startswith("https://app.example.com/callback?")
        back = answered(target)
        assert (back["tenant"], back["state"]) == ("1", "a state & more")
        answer = await app.exchange(back["code"])
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        tokens = answer.json()
        assert list(tokens) == [
            "access_token",
            "token_type",
            "expires_in",
            "refresh_token",
            "scope",
            "id_token",
        ]
        claims = payload(tokens["access_token"])
        assert (claims["client_id"], claims["scope"]) == (
            app.client["client_id"],
            "openid email profile",
        )
        assert claims["amr"][0]["method"] == "oauth_provider/authorization_code"
        identity = payload(tokens["id_token"])
        assert identity["iss"] == "http://auth.test/auth/v1"
        assert identity["aud"] == identity["client_id"] == app.client["client_id"]
        assert (identity["nonce"], identity["email"]) == ("n-1", "ada@example.com")
        assert identity["email_verified"] is True
        assert identity["exp"] - identity["iat"] == 3600
        assert identity["sub"] == app.user["user"]["id"]
        assert "phone_number" not in identity
        for method in ("GET", "POST"):
            told = await auth.http.request(method, "/oauth/userinfo", headers=bearer(tokens))
            assert told.json()["sub"] == app.user["user"]["id"]
            assert told.json()["email"] == "ada@example.com"
            assert told.json()["name"] == "ada@example.com"


async def test_scopes_hold_back_what_was_not_asked_for(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        tokens = (await app.exchange(await app.code(scope="phone"))).json()
        assert "id_token" not in tokens
        told = (await auth.http.get("/oauth/userinfo", headers=bearer(tokens))).json()
        assert told == {"sub": app.user["user"]["id"]}
        mine = (await auth.http.get("/oauth/userinfo", headers=bearer(app.user))).json()
        assert mine == {"sub": app.user["user"]["id"]}
        tokens = (await app.exchange(await app.code(scope=""))).json()
        assert tokens["scope"] == "email"


async def test_a_consent_is_asked_for_once(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        await app.code(scope="openid email")
        again = (await app.look(await app.requested(scope="email"))).json()
        assert list(again) == ["redirect_url"]
        assert (await app.exchange(answered(again["redirect_url"])["code"])).status_code == 200
        wider = (await app.look(await app.requested(scope="openid phone"))).json()
        assert "redirect_url" not in wider
        listed = (await auth.http.get(GRANTS, headers=bearer(app.user))).json()
        assert [grant["scopes"] for grant in listed] == [["openid", "email"]]
        assert listed[0]["client"] == {"id": app.client["client_id"], "name": "App"}


async def test_denying(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        request = await app.requested()
        await app.look(request)
        back = answered((await app.decide(request, "deny")).json()["redirect_url"])
        assert back["error"] == "access_denied"
        assert back["error_description"] == "User denied the request"
        assert back["state"] == "a state & more"
        assert (await app.look(request)).status_code == 400
        assert (await auth.http.get(GRANTS, headers=bearer(app.user))).json() == []


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"response_type": "token"}, "Only response_type=code is supported"),
        ({"code_challenge": ""}, "PKCE flow requires both"),
        ({"code_challenge_method": ""}, "PKCE flow requires both"),
        ({"code_challenge_method": "s512"}, "must be 'S256' or 'plain'"),
        ({"code_challenge": "short"}, "between 43 and 128 characters"),
        ({"code_challenge": "!" * 43}, "characters that are not allowed"),
        ({"scope": "openid admin"}, "unsupported scope: admin"),
        ({"nonce": "n" * 256}, "nonce is too long"),
        ({"state": "s" * 4097}, "state is too long"),
        ({"state": "\x00"}, "cannot be stored"),
        ({"resource": "https://api.example.com/#x"}, "must not have a fragment"),
    ],
)
async def test_faults_go_back_to_the_client(
    open_server: OpenAuth, changes: dict[str, str], description: str
) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        answer = await app.authorize(**changes)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("https://app.example.com/callback?")
        back = answered(answer.headers["location"])
        assert back["error"] == "invalid_request"
        assert description in back["error_description"]
        assert "code" not in back


async def test_nobody_is_sent_to_an_address_that_the_client_did_not_register(
    open_server: OpenAuth,
) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        mine = app.client["client_id"]
        for code, client_id, uri in (
            ("validation_failed", "", CALLBACK),
            ("validation_failed", mine, ""),
            ("oauth_client_not_found", "x", CALLBACK),
            ("oauth_client_not_found", UNKNOWN, CALLBACK),
            ("validation_failed", mine, "https://app.example.com/callback"),
            ("validation_failed", mine, CALLBACK + "2"),
            ("validation_failed", mine, "https://evil.example/"),
        ):
            given = {"client_id": client_id, "redirect_uri": uri}
            await auth.refused(400, code, "GET", "/oauth/authorize", params=given)


async def test_without_a_consent_page(open_server: OpenAuth) -> None:
    async with open_server(**{**ON, "GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH": ""}) as auth:
        app = await party(auth)
        back = answered((await app.authorize()).headers["location"])
        assert back["error"] == "server_error"


async def test_requests_belong_to_whom_looked_first(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        other = Party(auth, app.client, await auth.sign_up("eve@example.com"))
        request = await app.requested()
        path = f"/oauth/authorizations/{request}"
        missing = (404, "oauth_authorization_not_found")
        assert (await app.decide(request)).status_code == 404, "nobody has looked yet"
        assert (await app.look(request)).status_code == 200
        for method, where, who in (
            ("GET", path, other.user),
            ("GET", "/oauth/authorizations/nothing", app.user),
            ("POST", f"{path}/consent", other.user),
        ):
            options = {} if method == "GET" else {"json": {"action": "approve"}}
            await auth.refused(*missing, method, where, headers=bearer(who), **options)
        consent = f"{path}/consent"
        mine = bearer(app.user)
        await auth.refused(
            400, "validation_failed", "POST", consent, json={"action": "maybe"}, headers=mine
        )
        await auth.refused(400, "bad_json", "POST", consent, content=b"approve", headers=mine)
        await auth.refused(401, "no_authorization", "GET", path)
        await auth.refused(
            400,
            "validation_failed",
            "GET",
            path,
            headers={**mine, "Origin": "https://evil.example"},
        )
        site = {**mine, "Origin": "https://site.example.com"}
        assert (await auth.http.get(path, headers=site)).status_code == 200
        assert (await app.decide(request)).status_code == 200
        await auth.refused(
            400, "validation_failed", "POST", consent, json={"action": "deny"}, headers=mine
        )


async def test_a_client_cannot_consent_in_its_users_name(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        tokens = (await app.exchange(await app.code(scope="email"))).json()
        path = f"/oauth/authorizations/{await app.requested(scope='openid phone')}"
        for method, where in (
            ("GET", path),
            ("POST", f"{path}/consent"),
            ("GET", GRANTS),
            ("DELETE", GRANTS),
        ):
            await auth.refused(403, "no_authorization", method, where, headers=bearer(tokens))


async def test_a_code_works_once(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        code = await app.code()
        answers = await asyncio.gather(*(app.exchange(code) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
        assert (
            oauth_error(await app.exchange(code), "invalid_grant") == "Invalid authorization code"
        )


async def test_wrong_exchanges_do_not_spend_the_code(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        other = await auth.http.post("/oauth/clients/register", json={"redirect_uris": [CALLBACK]})
        code = await app.code(resource="https://api.example.com/")
        for error, changes in (
            ("invalid_request", {"grant_type": None}),
            ("unsupported_grant_type", {"grant_type": "password"}),
            ("invalid_request", {"code": None}),
            ("invalid_request", {"code_verifier": None}),
            ("invalid_grant", {"code": "nothing"}),
            ("invalid_grant", {"code": "\x00"}),
            ("invalid_grant", {"code_verifier": VERIFIER + "!"}),
            ("invalid_grant", {"redirect_uri": "https://app.example.com/callback"}),
            ("invalid_grant", {"redirect_uri": None}),
            ("invalid_target", {"resource": "https://other.example.com/"}),
            ("invalid_client", {"client_id": None}),
            ("invalid_client", {"client_id": "x"}),
            ("invalid_client", {"client_id": UNKNOWN}),
            ("invalid_client", {"client_secret": None}),
            ("invalid_client", {"client_secret": "wrong"}),
            (
                "invalid_grant",
                {
                    "client_id": other.json()["client_id"],
                    "client_secret": other.json()["client_secret"],
                },
            ),
        ):
            oauth_error(await app.exchange(code, **changes), error)
        good = await app.exchange(code, resource="https://api.example.com/")
        assert good.status_code == 200, good.text


async def test_ways_to_show_oneself(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth)
        pair = f"{app.client['client_id']}:{app.client['client_secret']}".encode()
        basic = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
        body = {
            "grant_type": "authorization_code",
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        form = {**body, "code": await app.code()}
        answer = await auth.http.post("/oauth/token", data=form, headers=basic)
        assert answer.status_code == 200, answer.text
        document = {**body, "code": await app.code(), **app.shown}
        assert (await auth.http.post("/oauth/token", json=document)).status_code == 200
        bad = {"Authorization": "Basic !"}
        oauth_error(await auth.http.post("/oauth/token", data=form, headers=bad), "invalid_client")
        json_type = {"content-type": "application/json"}
        broken = await auth.http.post("/oauth/token", content=b"{", headers=json_type)
        assert oauth_error(broken, "invalid_request") == "Invalid JSON body"


async def test_public_clients(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        app = await party(auth, token_endpoint_auth_method="none")
        code = await app.code(
            code_challenge=VERIFIER.replace(" ", "-"), code_challenge_method="plain"
        )
        shown = await app.exchange(code, client_secret="x")
        assert "must not provide client_secret" in oauth_error(shown, "invalid_client")
        assert (
            await app.exchange(code, code_verifier=VERIFIER.replace(" ", "-"))
        ).status_code == 200
