"""Vercel Marketplace: OAuth at one place, who somebody is in an ID token with names of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.authserver.external.test_each_provider import user_of, variables
from tests.support.oauth import answered
from tests.support.web_double import WebDouble, web_double

from keyturn.jose import jwt
from keyturn.jose.jwks import public_jwks
from keyturn.jose.keys import SigningKey, generate

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
NAME = "vercel_marketplace"
SUB = "account:1:user:2"


def serve(double: WebDouble, key: SigningKey, **changes: object) -> str:
    """Let the double be Vercel; return the ID token that it gives."""
    now = datetime.now(UTC)
    claims = {
        "iss": double.url,
        "sub": SUB,
        "aud": "me",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=5)).timestamp()),
        "user_email": "ada@example.com",
        "user_name": "Ada",
        "user_avatar_url": "https://pictures.example.com/1.png",
        **changes,
    }
    token = jwt.encode({name: value for name, value in claims.items() if value is not None}, key)
    discovery = {
        "issuer": double.url,
        "jwks_uri": f"{double.url}/jwks",
        "authorization_endpoint": f"{double.url}/elsewhere",
        "token_endpoint": f"{double.url}/elsewhere",
    }
    double.says("GET /.well-known/openid-configuration", discovery)
    double.says("GET /jwks", public_jwks([key.verifying_key()]))
    answer = {"access_token": "a-token", "id_token": token, "installation_id": "icfg_1"}
    double.says("POST /oauth/v2/accessToken", answer)
    return token


async def test_the_way_through_the_marketplace(open_server: OpenAuth) -> None:
    async with web_double() as double:
        serve(double, generate("RS256", kid="v1"))
        async with open_server(**variables(NAME, double)) as auth:
            out = await auth.http.get("/authorize", params={"provider": NAME})
            assert out.status_code == 302, out.text
            target = out.headers["location"]
            assert target.startswith(f"{double.url}/oauth/v2/authorization?")
            sent = answered(target)
            assert sent["client_id"] == "me"
            assert "scope" not in sent, "Vercel has none"
            query = {"state": sent["state"], "code": "a-code"}
            back = await auth.http.get("/callback", params=query)
            user = await user_of(auth, back.headers["location"])
    assert user["email"] == "ada@example.com"
    assert user["email_confirmed_at"]
    assert user["user_metadata"]["full_name"] == "Ada"
    assert user["user_metadata"]["avatar_url"] == "https://pictures.example.com/1.png"
    [identity] = user["identities"]
    assert (identity["provider"], identity["id"]) == (NAME, SUB)


async def test_its_id_tokens_sign_in_and_others_do_not(open_server: OpenAuth) -> None:
    async with web_double() as double:
        key, path = generate("RS256", kid="v1"), "/token?grant_type=id_token"
        async with open_server(**variables(NAME, double)) as auth:

            async def shown(token: str) -> Any:
                return await auth.http.post(path, json={"id_token": token, "provider": NAME})

            good = await shown(serve(double, key))
            assert good.status_code == 200, good.text
            assert good.json()["user"]["identities"][0]["id"] == SUB
            for changes in (
                {"aud": "somebody else"},
                {"iss": "https://marketplace.vercel.com"},
                {"exp": 1_700_000_000},
                {"sub": None},
            ):
                refused = await shown(serve(double, key, **changes))
                assert refused.status_code == 400, changes
            assert (await shown(serve(double, generate("RS256", kid="v1")))).status_code == 400
            nameless = await shown(serve(double, key, user_email=None, sub="account:1:user:3"))
            assert nameless.status_code >= 400
            assert nameless.headers["x-sb-error-code"] == "email_address_not_provided"
