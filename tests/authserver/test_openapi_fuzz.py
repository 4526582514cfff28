"""Whatever the OpenAPI document allows, and what it forbids: no 5xx, no answer it does not name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import requests
from tests.support.fuzzing import EXAMPLES, Scene, fuzz
from tests.support.message_hooks import Taken, messages_taken
from tests.support.oauth import s256

JWT_SECRET = "a-legacy-secret-of-more-than-32-bytes"
PASSWORD = "correct horse battery"
VERIFIER = "v" * 43
PKCE = {"code_challenge": s256(VERIFIER), "code_challenge_method": "s256"}
# Every other path under /admin is matched by it, so a made-up one is no test of it.
CATCH_ALL = frozenset({"/admin/{part}"})
EVERYTHING_ON = {
    "GOTRUE_JWT_SECRET": JWT_SECRET,
    "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
    "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "true",
    "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED": "true",
    "GOTRUE_MFA_PHONE_ENROLL_ENABLED": "true",
    "GOTRUE_MFA_PHONE_VERIFY_ENABLED": "true",
    "GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED": "true",
    "GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED": "true",
    "GOTRUE_PASSKEY_ENABLED": "true",
    "GOTRUE_WEBAUTHN_RP_ID": "localhost",
    "GOTRUE_WEBAUTHN_RP_ORIGINS": "http://localhost:3000",
    "GOTRUE_OAUTH_SERVER_ENABLED": "true",
    "GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION": "true",
    "GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH": "/oauth/consent",
    "GOTRUE_EXTERNAL_GITHUB_ENABLED": "true",
    "GOTRUE_EXTERNAL_GITHUB_CLIENT_ID": "client",
    "GOTRUE_EXTERNAL_GITHUB_SECRET": "secret",
    "GOTRUE_EXTERNAL_GITHUB_URL": "http://127.0.0.1:1",  # nobody there
    "GOTRUE_RATE_LIMIT_EMAIL_SENT": "1000000",
    "GOTRUE_RATE_LIMIT_SMS_SENT": "1000000",
}


def _administers(path: str) -> bool:
    return path.startswith(("/admin", "/invite"))


class World:
    """A server with somebody to act as, and things whose ids go into paths."""

    def __init__(self, http: httpx.Client, admin: dict[str, str], taken: Taken) -> None:
        self.http = http
        self.admin = admin
        self.taken = taken
        self.numbers = itertools.count(1)

    def scene(self, operation: Any) -> Scene:
        """Return fresh people, and what the operation's path names."""
        number = next(self.numbers)
        email = f"user{number}@example.com"
        body = {"email": email, "password": PASSWORD, "email_confirm": True}
        made = self.http.post("/admin/users", json=body, headers=self.admin).json()
        grant = {"email": email, "password": PASSWORD}
        token = self.http.post("/token?grant_type=password", json=grant).json()
        user = {"Authorization": f"Bearer {token['access_token']}"}
        known = {
            name: make(made, user, number)
            for name, make in self.makers().items()
            if "{" + name + "}" in operation.path
        }
        first, second = (self.admin, user) if _administers(operation.path) else (user, self.admin)
        true = {
            "email": email,
            "password": PASSWORD,
            "current_password": PASSWORD,
            "new_email": f"new-{email}",
            "phone": "+15005550006",
            "refresh_token": token["refresh_token"],
            "redirect_to": "http://localhost:3000/",
            "provider": "github",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "s256",
            "code_verifier": VERIFIER,
            "friendly_name": "a name",
            "factor_type": "totp",
            **self.told(operation, email, known, user),
        }
        return Scene([first, first, first, first, second, {}], known, true)

    def told(
        self, operation: Any, email: str, known: Mapping[str, str], user: dict[str, str]
    ) -> dict[str, str]:
        """Return what only an operation before this one tells."""
        path = operation.path
        if path in ("/verify", "/token"):
            self.http.post("/otp", json={"email": email, **(PKCE if path == "/token" else {})})
            mail = self.taken.mail(email, "magiclink")
            if path == "/token":
                query = {"token": mail["token_hash"], "type": "magiclink"}
                landed = self.http.get("/verify", params=query).headers["location"]
                return {"auth_code": parse_qs(urlsplit(landed).query)["code"][0]}
            shown = mail["token_hash" if operation.method == "get" else "token"]
            return {"token": shown, "token_hash": mail["token_hash"], "type": "magiclink"}
        if path == "/callback":
            page = self.http.get("/authorize", params={"provider": "github"}).headers["location"]
            return {"state": parse_qs(urlsplit(page).query)["state"][0], "code": "a code"}
        if path.startswith("/passkeys/") and path.endswith("/verify"):
            asked = self.http.post(path.replace("verify", "options"), json={}, headers=user)
            return {"challenge_id": asked.json()["challenge_id"]}
        if "{factor_id}" in path and not _administers(path):
            one = f"/factors/{known['factor_id']}/challenge"
            return {"challenge_id": self.http.post(one, json={}, headers=user).json()["id"]}
        if path.startswith("/oauth/"):
            return {
                "client_id": known.get("client_id") or self.client(),
                "redirect_uri": "https://app.example.com/back",
                "response_type": "code",
                "scope": "openid email",
                "grant_type": "authorization_code",
            }
        return {}

    def makers(self) -> Mapping[str, Callable[[Any, dict[str, str], int], str]]:
        """Return how each path parameter gets an id of something that exists."""
        return {
            "user_id": lambda made, *_: str(made["id"]),
            "identity_id": lambda made, *_: str(made["identities"][0]["identity_id"]),
            "factor_id": self.factor,
            "session_id": self.session,
            "client_id": lambda *_: self.client(),
            "identifier": lambda _made, _user, number: self.provider(number),
            "authorization_id": lambda *_: self.authorization(),
        }

    def factor(self, _made: Any, user: dict[str, str], number: int) -> str:
        kind = ({"factor_type": "phone", "phone": "+15005550006"}, {"factor_type": "totp"})
        return str(self.http.post("/factors", json=kind[number % 2], headers=user).json()["id"])

    def session(self, made: Any, *_: Any) -> str:
        path = f"/admin/users/{made['id']}/sessions"
        return str(self.http.get(path, headers=self.admin).json()["sessions"][0]["id"])

    def client(self) -> str:
        body = {"client_name": "app", "redirect_uris": ["https://app.example.com/back"]}
        answer = self.http.post("/admin/oauth/clients", json=body, headers=self.admin)
        return str(answer.json()["client_id"])

    def provider(self, number: int) -> str:
        body = {
            "provider_type": "oauth2",
            "identifier": f"custom:number-{number}",
            "name": "one",
            "client_id": "id",
            "client_secret": "secret",
            "authorization_url": "https://one.example.com/authorize",
            "token_url": "https://one.example.com/token",
            "userinfo_url": "https://one.example.com/userinfo",
        }
        answer = self.http.post("/admin/custom-providers", json=body, headers=self.admin)
        return str(answer.json()["identifier"])

    def authorization(self) -> str:
        query = {
            "client_id": self.client(),
            "redirect_uri": "https://app.example.com/back",
            "response_type": "code",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
        }
        location = self.http.get("/oauth/authorize", params=query).headers["location"]
        return parse_qs(urlsplit(location).query)["authorization_id"][0]


@pytest.mark.timeout(120 + 60 * EXAMPLES)
def test_every_answer_is_in_the_document(
    serve: Callable[..., Any], service_role: Callable[[str], dict[str, str]]
) -> None:
    with messages_taken() as taken, requests.Session() as session:
        serving = serve(**EVERYTHING_ON, **taken.variables("SEND_EMAIL", "SEND_SMS"))

        def send(case: Any, headers: Mapping[str, str]) -> Any:
            return case.call(
                base_url=serving.url,
                session=session,
                headers=dict(headers),
                allow_redirects=False,
                timeout=20,
            )

        with httpx.Client(base_url=serving.url, timeout=20) as http:
            world = World(http, service_role(JWT_SECRET), taken)
            document = http.get("/openapi.json").json()
            failures = fuzz(document, send, world.scene, leaving_out=CATCH_ALL)
        defects = serving.lines("the request could not be answered")
    assert not defects, defects[:3]
    assert not failures, "\n\n".join(failures)
