"""A third party integrates with nothing but the discovery document: Authlib, over real HTTP.

ID tokens and access tokens are verified by joserfc with the published JWKS alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.support.oauth import CALLBACK, ON, VERIFIER, answered, bearer

Start = Callable[..., Any]


@pytest.fixture
def issuer(serve: Start, unused_port: int) -> str:
    """Return the issuer of a running server."""
    url = f"http://127.0.0.1:{unused_port}"
    serve(port=unused_port, GOTRUE_JWT_ISSUER=url, API_EXTERNAL_URL=url, **ON)
    return url


def registered(document: dict[str, Any], method: str) -> dict[str, Any]:
    wanted = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": method}
    answer = httpx.post(document["registration_endpoint"], json=wanted)
    assert answer.status_code == 201, answer.text
    client: dict[str, Any] = answer.json()
    return client


def consented(issuer: str, url: str, user: Any) -> str:
    """Be the user's browser and the consent page; return where the client is called back."""
    sent = httpx.get(url)
    assert sent.status_code == 302, sent.text
    request = answered(sent.headers["location"])["authorization_id"]
    path = f"{issuer}/oauth/authorizations/{request}"
    looked = httpx.get(path, headers=bearer(user)).json()
    if "redirect_url" in looked:
        return str(looked["redirect_url"])
    decided = httpx.post(f"{path}/consent", json={"action": "approve"}, headers=bearer(user))
    return str(decided.json()["redirect_url"])


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlib(issuer: str, method: str) -> None:
    document = httpx.get(f"{issuer}/.well-known/openid-configuration").json()
    assert document["issuer"] == issuer
    assert httpx.get(f"{issuer}/.well-known/oauth-authorization-server").json() == document
    signup = {"email": "ada@example.com", "password": "correct horse"}
    user = httpx.post(f"{issuer}/signup", json=signup).json()
    client = registered(document, method)
    with OAuth2Client(
        client["client_id"],
        client.get("client_secret"),
        token_endpoint_auth_method=method,
        redirect_uri=CALLBACK,
        scope="openid email profile",
        code_challenge_method="S256",
        token_endpoint=document["token_endpoint"],
    ) as session:
        verifier = VERIFIER.replace(" ", "-")
        url, state = session.create_authorization_url(
            document["authorization_endpoint"], code_verifier=verifier, nonce="n-1"
        )
        callback = consented(issuer, url, user)
        token = session.fetch_token(
            authorization_response=callback, state=state, code_verifier=verifier
        )
        claims = verified(document, token["id_token"])
        identity = CodeIDToken(
            claims,
            {},
            {
                "iss": {"essential": True, "value": document["issuer"]},
                "aud": {"essential": True, "value": client["client_id"]},
                "nonce": {"value": "n-1"},
            },
            {"nonce": "n-1", "client_id": client["client_id"], "access_token": "unused"},
        )
        identity.validate()
        assert identity["sub"] == user["user"]["id"]
        assert identity["email"] == "ada@example.com"
        assert set(claims) <= {*document["claims_supported"], "client_id"}
        told = session.get(document["userinfo_endpoint"]).json()
        assert told["sub"] == identity["sub"]
        fresh = session.refresh_token(document["token_endpoint"], token["refresh_token"])
        assert verified(document, fresh["access_token"])["client_id"] == client["client_id"]


def verified(document: dict[str, Any], token: str) -> dict[str, Any]:
    """Verify with the published keys, by the algorithms that the document promises."""
    keys = KeySet.import_key_set(httpx.get(document["jwks_uri"]).json())
    found = jwt.decode(token, keys, algorithms=document["id_token_signing_alg_values_supported"])
    return dict(found.claims)
