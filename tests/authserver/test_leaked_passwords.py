"""Passwords that have been in leaks: asked by five digits of a hash, refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.support.web_double import WebDouble, web_double

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
LEAKED = "password123"
DIGEST = hashlib.sha1(LEAKED.encode()).hexdigest().upper()
FINE = "a sentence that nobody used"


def variables(double: WebDouble, **further: str) -> dict[str, str]:
    on = {"GOTRUE_PASSWORD_HIBP_ENABLED": "true", "KEYTURN_PASSWORD_HIBP_URL": double.url}
    return {**on, **further}


def knowing(double: WebDouble, count: int = 7) -> None:
    lines = f"{'0' * 35}:3\r\n{DIGEST[5:]}:{count}\r\n"
    double.says(f"GET /range/{DIGEST[:5]}", lines.encode())


def body(email: str, password: str = LEAKED) -> dict[str, str]:
    return {"email": email, "password": password}


async def test_a_leaked_password_is_refused(open_server: OpenAuth) -> None:
    async with web_double() as double:
        knowing(double)
        given = variables(double, GOTRUE_PASSWORD_HIBP_USER_AGENT="an app/1")
        async with open_server(**given) as auth:
            said = await auth.refused(
                422, "weak_password", "POST", "/signup", json=body("ada@example.com")
            )
            assert "easy to guess" in said
            [asked] = double.asked  # a range is remembered
            assert asked.path == f"/range/{DIGEST[:5]}"
            assert asked.headers["add-padding"] == "true"
            assert asked.headers["user-agent"] == "an app/1"
            answer = await auth.http.post("/signup", json=body("ada@example.com"))
            assert answer.json()["weak_password"] == {"reasons": ["pwned"]}
            digest = hashlib.sha1(FINE.encode()).hexdigest().upper()
            double.says(f"GET /range/{digest[:5]}", f"{'0' * 35}:3".encode())
            token = await auth.sign_up(password=FINE)
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            changed = {"password": LEAKED}
            await auth.refused(422, "weak_password", "PUT", "/user", json=changed, headers=headers)


async def test_padding_is_no_leak(open_server: OpenAuth) -> None:
    async with web_double() as double:
        knowing(double, count=0)
        async with open_server(**variables(double)) as auth:
            await auth.sign_up(password=LEAKED)


async def test_while_nobody_can_say(open_server: OpenAuth) -> None:
    async with web_double() as double:
        async with open_server(**variables(double)) as auth:
            await auth.sign_up(password=LEAKED)
            assert double.asked
        closed = variables(double, GOTRUE_PASSWORD_HIBP_FAIL_CLOSED="true")
        async with open_server(**closed) as auth:
            said = await auth.refused(
                500, "unexpected_failure", "POST", "/signup", json=body("bob@example.com")
            )
            assert said.startswith("Unable to perform password strength check")
            path = "/token?grant_type=password"
            again = await auth.http.post(path, json=body("ada@example.com"))
            assert again.status_code == 200, "those who have one go on signing in"


async def test_signing_in_says_that_it_has_leaked(open_server: OpenAuth) -> None:
    async with web_double() as double:
        async with open_server() as auth:
            await auth.sign_up(password=LEAKED)
        knowing(double)
        async with open_server(**variables(double)) as auth:
            path = "/token?grant_type=password"
            answer = await auth.http.post(path, json=body("ada@example.com"))
            assert answer.json()["weak_password"]["reasons"] == ["pwned"]
            wrong = await auth.http.post(path, json=body("ada@example.com", "wrong password"))
            assert wrong.json()["error_code"] == "invalid_credentials"
            assert len(double.asked) == 1
