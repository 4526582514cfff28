"""Providers that administrators add by API: what is shown, what is refused, how they serve."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.support.oauth import SECRET, answered, bearer

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
ALL = "/admin/custom-providers"
ACME: dict[str, Any] = {
    "provider_type": "oauth2",
    "identifier": "custom:acme",
    "name": "Acme",
    "client_id": "me",
    "client_secret": "a-secret-of-acme",
    "authorization_url": "https://acme.example.com/authorize?tenant=1",
    "token_url": "https://acme.example.com/token",
    "userinfo_url": "https://acme.example.com/me",
    "scopes": ["who"],
    "attribute_mapping": {"sub": "user.id"},
    "authorization_params": {"audience": "keyturn"},
}
ON = {"GOTRUE_JWT_SECRET": SECRET}


async def test_the_life_of_one(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(**ON) as auth:
        admin = service_role(SECRET)
        made = await auth.http.post(ALL, json=ACME, headers=admin)
        assert made.status_code == 201, made.text
        assert "a-secret-of-acme" not in made.text
        shown = made.json()
        assert (shown["identifier"], shown["pkce_enabled"], shown["enabled"]) == (
            "custom:acme",
            True,
            True,
        )
        one = f"{ALL}/custom:acme"
        assert (await auth.http.get(one, headers=admin)).json() == shown
        assert (await auth.http.get(ALL, headers=admin)).json() == {"providers": [shown]}
        out = await auth.http.get("/authorize", params={"provider": "custom:acme"})
        target = out.headers["location"]
        assert target.startswith("https://acme.example.com/authorize?tenant=1&")
        sent = answered(target)
        assert (sent["client_id"], sent["scope"], sent["audience"]) == ("me", "who", "keyturn")
        assert (sent["code_challenge_method"], len(sent["code_challenge"])) == ("S256", 43)
        changed = await auth.http.put(one, json={"enabled": False}, headers=admin)
        assert changed.json()["enabled"] is False
        assert changed.json()["name"] == "Acme"
        said = await auth.refused(
            400, "validation_failed", "GET", "/authorize", params={"provider": "custom:acme"}
        )
        assert said == "Unsupported provider: provider is not enabled"
        assert (await auth.http.request("DELETE", one, headers=admin)).status_code == 204
        await auth.refused(404, "custom_provider_not_found", "GET", one, headers=admin)
        said = await auth.refused(
            400, "validation_failed", "GET", "/authorize", params={"provider": "custom:acme"}
        )
        assert "could not be found" in said


async def test_what_may_not_be_added(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(**ON) as auth:
        admin = service_role(SECRET)
        oidc = {"provider_type": "oidc", "issuer": "https://id.example.com"}
        for change in (
            {"provider_type": "saml"},
            {"identifier": "acme"},
            {"identifier": "custom:A"},
            {"name": ""},
            {"name": "a" * 101},
            {"client_id": ""},
            {"client_secret": ""},
            {"authorization_url": "http://acme.example.com/"},
            {"token_url": "https://user@acme.example.com/"},
            {"userinfo_url": None},
            {"authorization_params": {"state": "mine"}},
            {"authorization_params": {"a": 1}},
            {**oidc, "issuer": None},
            {**oidc, "issuer": "http://id.example.com"},
        ):
            await auth.refused(
                400, "validation_failed", "POST", ALL, json={**ACME, **change}, headers=admin
            )
        await auth.refused(
            400, "bad_json", "POST", ALL, json={**ACME, "scopes": "who"}, headers=admin
        )
        good = await auth.http.post(ALL, json={**ACME, **oidc}, headers=admin)
        assert good.status_code == 201, good.text
        await auth.refused(409, "conflict", "POST", ALL, json=ACME, headers=admin)
        user = bearer(await auth.sign_up())
        none = f"{ALL}/custom:nobody"
        missing = (404, "custom_provider_not_found")
        for (status, code), method, path, who in (
            ((401, "no_authorization"), "GET", ALL, {}),
            ((403, "not_admin"), "GET", ALL, user),
            (missing, "GET", none, admin),
            (missing, "PUT", none, admin),
            (missing, "DELETE", none, admin),
        ):
            body: dict[str, Any] = {"json": {"name": "x"}} if method == "PUT" else {}
            await auth.refused(status, code, method, path, headers=who, **body)


async def test_the_quota(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(**ON, GOTRUE_CUSTOM_OAUTH_MAX_PROVIDERS="1") as auth:
        admin = service_role(SECRET)
        assert (await auth.http.post(ALL, json=ACME, headers=admin)).status_code == 201
        other = {**ACME, "identifier": "custom:other"}
        await auth.refused(
            400, "over_custom_provider_quota", "POST", ALL, json=other, headers=admin
        )


async def test_while_they_are_off(open_server: OpenAuth, service_role: Bearer) -> None:
    async with open_server(**ON, GOTRUE_CUSTOM_OAUTH_ENABLED="false") as auth:
        admin = service_role(SECRET)
        await auth.refused(404, "feature_disabled", "GET", ALL, headers=admin)
