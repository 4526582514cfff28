"""ID tokens of the providers that have several issuers, or other claims than their profiles."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.oauth import answered
from tests.support.web_double import WebDouble, web_double

from keyturn.jose import jwt
from keyturn.jose.jwks import public_jwks
from keyturn.jose.key import SigningKey, generate

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
CONTOSO = "72f988bf-86f1-41af-91ab-2d7cd011db47"
FABRIKAM = "0b0f2e3c-5a7e-4c53-9d20-5b8c3d4bd7a1"
GRANT = "/token?grant_type=id_token"
KEY = generate("RS256", kid="azure-1")
STRANGER = generate("RS256", kid="azure-1")


def variables(name: str, url: str) -> dict[str, str]:
    prefix = f"GOTRUE_EXTERNAL_{name.upper()}_"
    return {
        f"{prefix}ENABLED": "true",
        f"{prefix}CLIENT_ID": "me",
        f"{prefix}SECRET": "a-secret",
        f"{prefix}URL": url,
        "API_EXTERNAL_URL": "http://auth.test",
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
    }


def token(issuer: str, key: SigningKey = KEY, **claims: object) -> str:
    now = int(time.time())
    told = {
        "iss": issuer,
        "aud": "me",
        "sub": "a-subject",
        "email": "ada@example.com",
        "iat": now,
        "exp": now + 300,
        **claims,
    }
    return jwt.encode(told, key)


def publish(double: WebDouble, below: str, issuer: str) -> None:
    """Answer for an issuer at ``below``, whose document names ``issuer``."""
    keys_at = f"{below}/keys"
    double.says(
        f"GET {below}/.well-known/openid-configuration",
        {"issuer": issuer, "jwks_uri": double.url + keys_at},
    )
    double.says(f"GET {keys_at}", public_jwks([KEY.verifying_key()]))


def entra(double: WebDouble) -> str:
    """Answer as Entra ID does, for two tenants; return the address that is common to all."""
    publish(double, "/common/v2.0", f"{double.url}/{{tenantid}}/v2.0")
    for tenant in (CONTOSO, FABRIKAM):
        publish(double, f"/{tenant}/v2.0", f"{double.url}/{tenant}/v2.0")
    return f"{double.url}/common"


async def signed_in(auth: Any, id_token: str, provider: str = "azure") -> Any:
    answer = await auth.http.post(GRANT, json={"provider": provider, "id_token": id_token})
    assert answer.status_code == 200, answer.text
    return answer.json()["user"]


async def refused(auth: Any, id_token: str) -> Any:
    answer = await auth.http.post(GRANT, json={"provider": "azure", "id_token": id_token})
    assert answer.status_code == 400, answer.text
    return answer.json()


async def test_azure_by_its_id_token_and_no_longer_by_userinfo(open_server: OpenAuth) -> None:
    async with web_double() as double:
        common = entra(double)
        mine = f"{double.url}/{CONTOSO}/v2.0"
        shown = token(mine, tid=CONTOSO, oid="an-object", name="Ada", preferred_username="ada@c")
        double.says(
            "POST /common/oauth2/v2.0/token", {"access_token": "an-access", "id_token": shown}
        )
        async with open_server(**variables("azure", common)) as auth:
            out = await auth.http.get("/authorize", params={"provider": "azure"})
            page = out.headers["location"]
            assert page.startswith(f"{common}/oauth2/v2.0/authorize?")
            query = {"state": answered(page)["state"], "code": "a-code"}
            back = await auth.http.get("/callback", params=query)
            told = parse_qs(urlsplit(back.headers["location"]).fragment)
            assert "access_token" in told, back.headers["location"]
            headers = {"Authorization": f"Bearer {told['access_token'][0]}"}
            user = (await auth.http.get("/user", headers=headers)).json()
    assert user["email"] == "ada@example.com"
    assert user["email_confirmed_at"]
    data = user["identities"][0]["identity_data"]
    assert (data["iss"], data["full_name"], data["preferred_username"]) == (mine, "Ada", "ada@c")
    assert data["custom_claims"] == {"tid": CONTOSO, "oid": "an-object", "email": user["email"]}
    assert not [one for one in double.asked if "userinfo" in one.path]


@pytest.mark.parametrize(
    ("edov", "in_"), [(None, True), (True, True), ("1", True), (False, False), ("0", False)]
)
async def test_who_owns_the_domain_of_an_address(
    open_server: OpenAuth, edov: object, in_: bool
) -> None:
    claims: dict[str, Any] = {} if edov is None else {"xms_edov": edov}
    async with web_double() as double, open_server(**variables("azure", entra(double))) as auth:
        shown = token(f"{double.url}/{CONTOSO}/v2.0", tid=CONTOSO, **claims)
        body = {"provider": "azure", "id_token": shown}
        if in_:
            assert (await signed_in(auth, shown))["email"] == "ada@example.com"
        else:
            answer = await auth.http.post(GRANT, json=body)
            assert answer.json()["error_code"] == "provider_email_needs_verification"


async def test_a_tenant_signs_for_itself_alone(open_server: OpenAuth) -> None:
    async with web_double() as double:
        common = entra(double)
        mine, other = (f"{double.url}/{tenant}/v2.0" for tenant in (CONTOSO, FABRIKAM))
        double.says(f"GET /{FABRIKAM}/v2.0/keys", public_jwks([STRANGER.verifying_key()]))
        async with open_server(**variables("azure", common)) as auth:
            await signed_in(auth, token(mine, tid=CONTOSO))
            await signed_in(auth, token(other, STRANGER, tid=FABRIKAM, sub="of fabrikam"))
            for wrong in (
                token(mine, STRANGER, tid=CONTOSO),  # another tenant's key
                token(other, STRANGER, tid=CONTOSO),
                token(mine, tid=FABRIKAM),
                token(mine),  # no tenant
                token(mine, tid="../evil"),
                token(mine, tid="{tenantid}"),
                token("https://evil.example/v2.0", tid=CONTOSO),
                token(mine, tid=CONTOSO, aud="another-client"),
                "a.b.c",
            ):
                assert (await refused(auth, wrong))["error"] == "invalid request"
            unknown = token(f"{double.url}/{double.url[-4:]}/v2.0", tid=CONTOSO[::-1])
            await refused(auth, unknown)
        asked = {one.path for one in double.asked}
        assert not [path for path in asked if "evil" in path or "{" in path]


async def test_one_tenant_only(open_server: OpenAuth) -> None:
    """An address that names a tenant, even by its domain, lets that one in."""
    async with web_double() as double:
        entra(double)
        publish(double, "/contoso.example/v2.0", f"{double.url}/{CONTOSO}/v2.0")
        mine, other = (f"{double.url}/{tenant}/v2.0" for tenant in (CONTOSO, FABRIKAM))
        for place in (CONTOSO, "contoso.example"):
            async with open_server(**variables("azure", f"{double.url}/{place}")) as auth:
                await signed_in(auth, token(mine, tid=CONTOSO))
                await refused(auth, token(other, tid=FABRIKAM))


async def test_azure_by_the_name_of_its_issuer(open_server: OpenAuth) -> None:
    async with web_double() as double, open_server(**variables("azure", entra(double))) as auth:
        mine = f"{double.url}/{CONTOSO}/v2.0"
        body = {"id_token": token(mine, tid=CONTOSO), "client_id": "me", "issuer": mine}
        assert (await auth.http.post(GRANT, json=body)).status_code == 200
        body["issuer"] = f"{double.url}/{CONTOSO}/v1.0"
        await auth.refused(400, "provider_disabled", "POST", GRANT, json=body)


@pytest.mark.parametrize(
    ("name", "claims", "full_name"),
    [
        ("facebook", {"name": "Ada"}, "Ada"),
        ("kakao", {"nickname": "ada", "picture": "https://p.example.com/1"}, "ada"),
        ("keycloak", {"name": "Ada", "email_verified": True}, "Ada"),
    ],
)
async def test_id_tokens_that_applications_get_themselves(
    open_server: OpenAuth, name: str, claims: dict[str, Any], full_name: str
) -> None:
    async with web_double() as double:
        publish(double, "", double.url)
        async with open_server(**variables(name, double.url)) as auth:
            user = await signed_in(auth, token(double.url, **claims), name)
    assert user["email"] == "ada@example.com"
    [identity] = user["identities"]
    assert (identity["provider"], identity["id"]) == (name, "a-subject")
    assert identity["identity_data"]["full_name"] == full_name
    assert identity["identity_data"]["iss"] == double.url


async def test_google_may_leave_the_scheme_away(open_server: OpenAuth) -> None:
    async with web_double() as double:
        publish(double, "", double.url)
        bare = double.url.removeprefix("http://")
        async with open_server(**variables("google", double.url)) as auth:
            for issuer in (bare, double.url):
                await signed_in(auth, token(issuer, email_verified=True), "google")
            for wrong in (token("evil.example", email_verified=True), token(bare, STRANGER)):
                body = {"provider": "google", "id_token": wrong}
                answer = await auth.http.post(GRANT, json=body)
                assert answer.json()["error"] == "invalid request"
        async with open_server(**variables("keycloak", double.url)) as auth:
            body = {"provider": "keycloak", "id_token": token(bare, email_verified=True)}
            answer = await auth.http.post(GRANT, json=body)
            assert answer.json()["error"] == "invalid request", "others may not"


async def test_an_ios_application_is_another_client_of_apple(open_server: OpenAuth) -> None:
    async with web_double() as double:
        publish(double, "", double.url)
        given = variables("apple", double.url)
        shown = token(double.url, aud="com.example.app", email_verified="true")
        body = {"provider": "apple", "id_token": shown}
        async with open_server(**given) as auth:
            assert (await auth.http.post(GRANT, json=body)).json()["error"] == "invalid request"
        async with open_server(**given, GOTRUE_EXTERNAL_IOS_BUNDLE_ID="com.example.app") as auth:
            assert (await signed_in(auth, shown, "apple"))["email"] == "ada@example.com"
            out = await auth.http.get("/authorize", params={"provider": "apple"})
            assert answered(out.headers["location"])["client_id"] == "me"
