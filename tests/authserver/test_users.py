"""What a bearer token opens: one's own account, signing out, and the administrator's view."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

ServiceRole = Callable[[str], dict[str, str]]
OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
SECRET = "a-legacy-secret-of-more-than-32-bytes"
USER = "/user"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_users_see_and_change_their_account(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        headers = bearer((await auth.sign_up())["access_token"])
        seen = await auth.http.get(USER, headers=headers)
        changed = await auth.http.put(USER, headers=headers, json={"data": {"colour": "green"}})
        removed = await auth.http.put(USER, headers=headers, json={"data": {"colour": None}})
    assert seen.json()["email"] == "ada@example.com"
    assert seen.headers["cache-control"] == "no-store"
    assert changed.json()["user_metadata"]["colour"] == "green"
    assert "colour" not in removed.json()["user_metadata"]


async def test_a_missing_or_bad_bearer_token_is_refused(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        await auth.refused(401, "no_authorization", "GET", USER)
        for wrong in ("x", "a.b.c", "Bearer", "é"):
            header = {"Authorization": f"Bearer {wrong}".encode()}
            sentence = await auth.refused(403, "bad_jwt", "GET", USER, headers=header)
            assert sentence.startswith("invalid JWT")
        await auth.refused(401, "no_authorization", "GET", USER, headers={"Authorization": "x y"})


async def test_signing_out_takes_effect_at_once(open_server: OpenAuth) -> None:
    async with open_server() as auth:
        first = await auth.sign_up()
        headers = bearer(first["access_token"])
        await auth.refused(
            400, "validation_failed", "POST", "/logout?scope=galaxy", headers=headers
        )
        response = await auth.http.post("/logout?scope=local", headers=headers)
        assert (response.status_code, response.content) == (204, b"")
        await auth.refused(403, "session_not_found", "GET", USER, headers=headers)
        await auth.refused(
            400,
            "refresh_token_not_found",
            "POST",
            "/token?grant_type=refresh_token",
            json={"refresh_token": first["refresh_token"]},
        )


async def test_administrators_manage_accounts(
    open_server: OpenAuth, service_role: ServiceRole
) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        headers = service_role(SECRET)
        users = "/admin/users"
        body = {"email": "Grace@Example.com", "password": "correct horse", "email_confirm": True}
        created = await auth.http.post(users, headers=headers, json=body)
        assert created.status_code == 200, created.text
        one = f"{users}/{created.json()['id']}"
        assert (await auth.http.get(one, headers=headers)).json()["email"] == "grace@example.com"
        changed = await auth.http.put(one, headers=headers, json={"ban_duration": "24h"})
        assert "banned_until" in changed.json()
        deleted = await auth.http.request("DELETE", one, headers=headers)
        assert (deleted.status_code, deleted.json()) == (200, {})
        await auth.refused(404, "user_not_found", "GET", one, headers=headers)
        await auth.refused(404, "validation_failed", "GET", f"{users}/no-uuid", headers=headers)
        await auth.refused(
            422, "email_exists", "POST", users, headers=headers, json=await _twice(auth)
        )


async def _twice(auth: Any) -> dict[str, str]:
    await auth.sign_up("twice@example.com")
    return {"email": "twice@example.com", "password": "correct horse"}


async def test_lists_are_paged_and_link_to_their_neighbours(
    open_server: OpenAuth, service_role: ServiceRole
) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        for number in range(5):
            await auth.sign_up(f"user{number}@example.com")
        headers = service_role(SECRET)
        path = "/admin/users?page=2&per_page=2&filter=example"
        page = await auth.http.get(path, headers=headers)
        await auth.refused(400, "validation_failed", "GET", "/admin/users?page=x", headers=headers)
    assert page.headers["x-total-count"] == "5"
    assert [user["email"][:5] for user in page.json()["users"]] == ["user2", "user1"]
    assert page.json()["aud"] == "authenticated"
    links = dict(
        reversed([part.strip(" <>").replace('"', "") for part in link.split(">; rel=")])
        for link in page.headers["link"].split(", ")
    )
    assert links == {
        "first": "/admin/users?page=1&per_page=2&filter=example",
        "prev": "/admin/users?page=1&per_page=2&filter=example",
        "next": "/admin/users?page=3&per_page=2&filter=example",
        "last": "/admin/users?page=3&per_page=2&filter=example",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/users"),
        ("POST", "/admin/users"),
        ("PUT", "/admin/users/0b0f2e3c-5a7e-4c53-9d20-5b8c3d4bd7a1"),
        ("DELETE", "/admin/users/0b0f2e3c-5a7e-4c53-9d20-5b8c3d4bd7a1"),
    ],
)
async def test_users_are_no_administrators(
    open_server: OpenAuth, service_role: ServiceRole, method: str, path: str
) -> None:
    async with open_server(GOTRUE_JWT_SECRET=SECRET) as auth:
        await auth.refused(401, "no_authorization", method, path)
        forged = service_role("another-secret-of-more-than-32-bytes")
        await auth.refused(403, "bad_jwt", method, path, headers=forged)
        headers = bearer((await auth.sign_up())["access_token"])
        sentence = await auth.refused(403, "not_admin", method, path, headers=headers)
    assert sentence == "User not allowed"
