"""Whatever makes an account asks the one hook before and tells the other after, once each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.authserver.conftest import environment, open_server, service_role, unused_port
from tests.authserver.external.test_oidc_provider import (
    ADA,
    fragment,
    provider,
    provider_id_token,
    sign_in,
)
from tests.authserver.test_message_hooks import hooked
from tests.support.hook_server import HookServer, hook_server
from tests.support.oauth import SECRET
from tests.support.oidc import OidcProvider

__all__ = ["environment", "open_server", "provider", "service_role", "unused_port"]
OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
EMAIL = {"email": "ada@example.com"}
WHOLE = {**EMAIL, "password": "correct horse"}
WAITING = {"GOTRUE_MAILER_AUTOCONFIRM": "false"}
BEFORE, AFTER = "before-user-created", "after-user-created"
ON = {
    "GOTRUE_JWT_SECRET": SECRET,
    "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
    "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
    "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "true",
}
Way = Callable[[Any, dict[str, str]], Awaitable[Any]]


def posts(path: str, body: dict[str, Any], *, admin: bool = False) -> Way:
    """Return a way that is one request."""

    async def way(auth: Any, key: dict[str, str]) -> None:
        answer = await auth.http.post(path, json=body, headers=key if admin else {})
        assert answer.status_code == 200, answer.text

    return way


def told(server: HookServer) -> Counter[str]:
    """Return how often each hook about accounts was called."""
    names = (asked.document.get("metadata", {}).get("name") for asked in server.asked)
    return Counter(name for name in names if name in {BEFORE, AFTER})


def hooks(server: HookServer) -> dict[str, str]:
    names = ("BEFORE_USER_CREATED", "AFTER_USER_CREATED", "SEND_EMAIL", "SEND_SMS")
    return {**ON, **{k: v for name in names for k, v in hooked(name, server).items()}}


@pytest.mark.parametrize("waiting", [False, True], ids=["confirmed", "waiting"])
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(posts("/signup", WHOLE), id="signup"),
        pytest.param(posts("/signup", {}), id="guest"),
        pytest.param(posts("/otp", EMAIL), id="otp"),
        pytest.param(posts("/otp", {"phone": "+15005550006"}), id="otp by phone"),
        pytest.param(posts("/magiclink", EMAIL), id="magiclink"),
        pytest.param(posts("/invite", EMAIL, admin=True), id="invite"),
        *(
            pytest.param(
                posts("/admin/generate_link", {**WHOLE, "type": kind}, admin=True),
                id=f"{kind} link",
            )
            for kind in ("signup", "invite", "magiclink")
        ),
    ],
)
async def test_an_account_is_made(
    open_server: OpenAuth, service_role: Bearer, way: Way, waiting: bool
) -> None:
    async with hook_server() as server:
        given = hooks(server) | (WAITING if waiting else {})
        async with open_server(**given) as auth:
            await way(auth, service_role(SECRET))
            listed = await auth.http.get("/admin/users", headers=service_role(SECRET))
            [user] = listed.json()["users"]
        assert told(server) == {BEFORE: 1, AFTER: 1}
        documents = [asked.document for asked in server.asked]
        about = [one for one in documents if one.get("metadata", {}).get("name") in {BEFORE, AFTER}]
        assert [one["user"]["id"] for one in about] == [user["id"]] * 2


async def test_an_account_that_is_there_is_not_made_again(
    open_server: OpenAuth, service_role: Bearer
) -> None:
    async with hook_server() as server, open_server(**hooks(server), **WAITING) as auth:
        key = service_role(SECRET)
        for way in (
            posts("/signup", WHOLE),
            posts("/signup", WHOLE),
            posts("/otp", EMAIL),
            posts("/magiclink", EMAIL),
            posts("/invite", EMAIL, admin=True),
            posts("/admin/generate_link", {**WHOLE, "type": "signup"}, admin=True),
            posts("/recover", EMAIL),
        ):
            await way(auth, key)
        assert told(server) == {BEFORE: 1, AFTER: 1}


@pytest.mark.parametrize("by_token", [False, True], ids=["redirects", "ID token"])
async def test_somebody_comes_from_a_provider(
    open_server: OpenAuth, provider: OidcProvider, by_token: bool
) -> None:
    async with hook_server() as server:
        async with open_server(**hooks(server), **provider.variables) as auth:
            for _ in range(2):
                if by_token:
                    token = await provider_id_token(auth, provider, ADA, "")
                    body = {"id_token": token, "provider": "google"}
                    answer = await auth.http.post("/token?grant_type=id_token", json=body)
                    assert answer.status_code == 200, answer.text
                else:
                    assert "access_token" in fragment(await sign_in(auth, provider, ADA))
        assert told(server) == {BEFORE: 1, AFTER: 1}


async def test_the_message_leaves_even_when_the_operator_objects_afterwards(
    open_server: OpenAuth,
) -> None:
    async with hook_server() as server:

        def answer(asked: Any) -> Any:
            objects = asked.document.get("metadata", {}).get("name") == AFTER
            return (500 if objects else 200, {"content-type": "application/json"}, b"{}")

        server.answer = answer
        async with open_server(**hooks(server), **WAITING) as auth:
            refused = await auth.http.post("/signup", json=WHOLE)
            assert refused.status_code >= 400
        sent = [asked.document.get("email_data", {}) for asked in server.asked]
        assert [mail["email_action_type"] for mail in sent if mail] == ["signup"]
