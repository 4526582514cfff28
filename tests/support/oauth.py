"""An OAuth client and its user, on a server in this process."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET = "a shared secret of forty characters or so"
CALLBACK = "https://app.example.com/callback?tenant=1"
VERIFIER = "a verifier that has at least forty-three characters"
SITE = "https://site.example.com"
ON = {
    "GOTRUE_OAUTH_SERVER_ENABLED": "true",
    "GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION": "true",
    "GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH": "/oauth/consent",
    "GOTRUE_SITE_URL": SITE,
}
# The shared secret signs then, too.
SHARED = {**ON, "GOTRUE_JWT_SECRET": SECRET}


def s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def bearer(token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['access_token']}"}


def answered(url: str) -> dict[str, str]:
    """Return the query of a redirect, one value per name."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def oauth_error(answer: Any, code: str) -> str:
    """Check the shape of RFC 6749 §5.2 and return the description."""
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error", "error_description"]
    assert answer.json()["error"] == code
    description: str = answer.json()["error_description"]
    return description


def payload(token: str) -> dict[str, Any]:
    """Return the claims of a token that nobody has verified."""
    part = token.split(".")[1]
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return content


@dataclass
class Party:
    """A registered client and a signed-in user, talking to ``auth``."""

    auth: Any
    client: dict[str, Any]
    user: Any

    @property
    def shown(self) -> dict[str, str]:
        """How the client shows itself in a body."""
        secret = self.client.get("client_secret")
        shown = {"client_id": self.client["client_id"]}
        return {**shown, "client_secret": secret} if secret else shown

    async def authorize(self, **changes: str) -> Any:
        """Return the answer of the authorization endpoint."""
        request = {
            "client_id": self.client["client_id"],
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid email profile",
            "state": "a state & more",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
            "nonce": "n-1",
        }
        given = {name: value for name, value in {**request, **changes}.items() if value}
        return await self.auth.http.get("/oauth/authorize", params=given)

    async def requested(self, **changes: str) -> str:
        """Return the id of a new authorization request."""
        answer = await self.authorize(**changes)
        assert answer.status_code == 302, answer.text
        target = answer.headers["location"]
        assert target.startswith(f"{SITE}/oauth/consent?authorization_id="), target
        return answered(target)["authorization_id"]

    async def look(self, request: str) -> Any:
        path = f"/oauth/authorizations/{request}"
        return await self.auth.http.get(path, headers=bearer(self.user))

    async def decide(self, request: str, action: str = "approve") -> Any:
        path = f"/oauth/authorizations/{request}/consent"
        return await self.auth.http.post(path, json={"action": action}, headers=bearer(self.user))

    async def code(self, **changes: str) -> str:
        """Return a code that the user has approved."""
        request = await self.requested(**changes)
        looked = (await self.look(request)).json()
        if "redirect_url" in looked:
            return answered(looked["redirect_url"])["code"]
        return answered((await self.decide(request)).json()["redirect_url"])["code"]

    async def exchange(self, code: str, /, **changes: str | None) -> Any:
        """Return the answer of the token endpoint."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **self.shown,
            **changes,
        }
        given = {name: value for name, value in form.items() if value is not None}
        return await self.auth.http.post("/oauth/token", data=given)


async def party(auth: Any, **registration: Any) -> Party:
    """Register a client, sign a user up."""
    wanted = {"redirect_uris": [CALLBACK], "client_name": "App", **registration}
    registered = await auth.http.post("/oauth/clients/register", json=wanted)
    assert registered.status_code == 201, registered.text
    return Party(auth, registered.json(), await auth.sign_up())
