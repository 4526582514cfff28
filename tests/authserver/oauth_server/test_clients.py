"""Clients of the OAuth server: registration, administration, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.support.oauth import CALLBACK, ON, SECRET, SHARED, bearer

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
UNKNOWN = "0a1b2c3d-4e5f-4a7b-8c9d-0e1f2a3b4c5d"
REGISTER, ADMIN = "/oauth/clients/register", "/admin/oauth/clients"


async def test_registering_oneself(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        wanted = {
            "redirect_uris": [CALLBACK],
            "client_name": "App",
            "logo_uri": "https://a.b/c.png",
        }
        answer = await auth.http.post(REGISTER, json=wanted)
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        client = answer.json()
        assert list(client) == [
            "client_id",
            "client_secret",
            "client_type",
            "redirect_uris",
            "token_endpoint_auth_method",
            "grant_types",
            "response_types",
            "client_name",
            "logo_uri",
            "registration_type",
            "created_at",
            "updated_at",
        ]
        assert (client["client_type"], client["registration_type"]) == ("confidential", "dynamic")
        assert client["grant_types"] == ["authorization_code", "refresh_token"]
        public = await auth.http.post(
            REGISTER, json={"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
        )
        assert public.json()["client_type"] == "public"
        assert "client_secret" not in public.json()


async def test_administering(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(**SHARED) as auth:
        admin = service_role(SECRET)
        made = await auth.http.post(ADMIN, json={"redirect_uris": [CALLBACK]}, headers=admin)
        assert made.status_code == 201
        client = made.json()
        assert client["registration_type"] == "manual"
        one = f"{ADMIN}/{client['client_id']}"
        shown = {name: value for name, value in client.items() if name != "client_secret"}
        assert (await auth.http.get(one, headers=admin)).json() == shown
        assert (await auth.http.get(ADMIN, headers=admin)).json() == {"clients": [shown]}
        change = {"client_name": "Renamed", "redirect_uris": ["http://localhost:3000/cb"]}
        changed = (await auth.http.put(one, json=change, headers=admin)).json()
        assert (changed["client_name"], changed["redirect_uris"]) == (
            "Renamed",
            ["http://localhost:3000/cb"],
        )
        fresh = (await auth.http.post(f"{one}/regenerate_secret", headers=admin)).json()
        assert fresh["client_secret"] != client["client_secret"]
        assert (await auth.http.request("DELETE", one, headers=admin)).status_code == 204
        await auth.refused(404, "oauth_client_not_found", "GET", one, headers=admin)
        assert (await auth.http.get(ADMIN, headers=admin)).json() == {"clients": []}


LONG = "https://example.com/" + "a" * 2048
FAULTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "redirect_uris is required"),
    ({"redirect_uris": [CALLBACK] * 11}, "redirect_uris cannot exceed 10 items"),
    ({"redirect_uris": [""]}, "redirect URI cannot be empty"),
    ({"redirect_uris": ["/callback"]}, "must have scheme"),
    ({"redirect_uris": ["https:"]}, "must have scheme and host"),
    ({"redirect_uris": ["https://a.example/#x"]}, "fragment not allowed in redirect URI"),
    ({"redirect_uris": ["http://a.example/"]}, "HTTP scheme only allowed for localhost"),
    ({"redirect_uris": ["javascript://a.example/"]}, "scheme must be HTTPS or HTTP"),
    ({"redirect_uris": ["cursor://elsewhere/"]}, "scheme must be HTTPS or HTTP"),
    ({"redirect_uris": ["https://a.example/,https://evil.example/"]}, "invalid URL format"),
    ({"redirect_uris": ["https://a.example/\u0000"]}, "invalid URL format"),
    ({"redirect_uris": [LONG]}, "invalid URL format"),
    ({"redirect_uris": [CALLBACK], "grant_types": ["implicit"]}, "grant_types must only contain"),
    ({"redirect_uris": [CALLBACK], "client_name": "a" * 1025}, "cannot exceed 1024 characters"),
    ({"redirect_uris": [CALLBACK], "client_uri": "nowhere"}, "client_uri must be a valid URL"),
    ({"redirect_uris": [CALLBACK], "logo_uri": LONG}, "logo_uri cannot exceed 2048 characters"),
    ({"redirect_uris": [CALLBACK], "logo_uri": "javascript:a"}, "logo_uri must be a valid URL"),
    ({"redirect_uris": [CALLBACK], "client_type": "secret"}, "client_type must be"),
    (
        {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt"},
        "must be one of",
    ),
    (
        {
            "redirect_uris": [CALLBACK],
            "client_type": "public",
            "token_endpoint_auth_method": "client_secret_post",
        },
        "inconsistent",
    ),
)


async def test_what_may_not_be_registered(open_server: OpenAuth) -> None:
    async with open_server(**ON) as auth:
        for wanted, sentence in FAULTS:
            said = await auth.refused(400, "validation_failed", "POST", REGISTER, json=wanted)
            assert sentence in said, (wanted, said)
        await auth.refused(400, "bad_json", "POST", REGISTER, content=b"{")
        native = {"redirect_uris": ["cursor://anysphere.cursor-mcp/cb"]}
        assert (await auth.http.post(REGISTER, json=native)).status_code == 201


async def test_what_administrators_are_refused(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(**SHARED) as auth:
        admin = service_role(SECRET)
        made = await auth.http.post(
            ADMIN, json={"redirect_uris": [CALLBACK], "client_type": "public"}, headers=admin
        )
        one, none = f"{ADMIN}/{made.json()['client_id']}", f"{ADMIN}/{UNKNOWN}"
        user = bearer(await auth.sign_up())
        missing = (404, "oauth_client_not_found")
        for (status, code), method, path, body, who in (
            ((401, "no_authorization"), "GET", ADMIN, None, {}),
            ((403, "not_admin"), "GET", ADMIN, None, user),
            ((403, "not_admin"), "POST", ADMIN, {"redirect_uris": [CALLBACK]}, user),
            ((400, "validation_failed"), "GET", f"{ADMIN}/x", None, admin),
            ((400, "validation_failed"), "PUT", one, {}, admin),
            ((400, "validation_failed"), "PUT", one, {"redirect_uris": []}, admin),
            ((400, "validation_failed"), "PUT", one, {"grant_types": []}, admin),
            ((400, "validation_failed"), "POST", f"{one}/regenerate_secret", None, admin),
            (missing, "GET", none, None, admin),
            (missing, "PUT", none, {"client_name": "x"}, admin),
            (missing, "DELETE", none, None, admin),
            (missing, "POST", f"{none}/regenerate_secret", None, admin),
        ):
            options: dict[str, Any] = {} if body is None else {"json": body}
            await auth.refused(status, code, method, path, headers=who, **options)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", REGISTER),
        ("GET", "/oauth/authorize"),
        ("GET", "/oauth/authorizations/x"),
        ("POST", "/oauth/authorizations/x/consent"),
        ("POST", "/oauth/token"),
        ("GET", "/oauth/userinfo"),
        ("GET", "/user/oauth/grants"),
        ("DELETE", "/user/oauth/grants"),
        ("GET", "/.well-known/oauth-authorization-server"),
    ],
)
async def test_while_it_is_off(open_server: OpenAuth, method: str, path: str) -> None:
    async with open_server() as auth:
        said = await auth.refused(404, "feature_disabled", method, path)
        assert said == "OAuth server is disabled"


async def test_administration_while_it_is_off(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        admin = service_role(SECRET)
        await auth.refused(404, "feature_disabled", "GET", ADMIN, headers=admin)


async def test_nobody_registers_unless_allowed(open_server: OpenAuth) -> None:
    off = {**ON, "GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION": "false"}
    async with open_server(**off) as auth:
        code = "oauth_dynamic_client_registration_disabled"
        await auth.refused(403, code, "POST", REGISTER, json={"redirect_uris": [CALLBACK]})
        found = (await auth.http.get("/.well-known/oauth-authorization-server")).json()
        assert "registration_endpoint" not in found


async def test_registrations_are_limited(open_server: OpenAuth) -> None:
    limited = {
        "GOTRUE_RATE_LIMIT_HEADER": "X-Real-Ip",
        "GOTRUE_RATE_LIMIT_OAUTH_DYNAMIC_CLIENT_REGISTER": "1",
    }
    async with open_server(**ON, **limited) as auth:
        wanted = {"redirect_uris": [CALLBACK]}
        answers = [
            await auth.http.post(REGISTER, json=wanted, headers={"X-Real-Ip": "203.0.113.9"})
            for _ in range(31)
        ]
        assert [answer.status_code for answer in answers[:30]] == [201] * 30
        assert answers[30].status_code == 429
        assert answers[30].json()["error_code"] == "over_request_rate_limit"
