"""What clients are told when a hook says no, or nothing that can be used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.authserver.test_message_hooks import hooked
from tests.support.hook_server import JSON, Answer, hook_server

from keyturn.adapters.hook_http import LARGEST_ANSWER, HttpHooks

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
ADA = {"email": "ada@example.com", "password": "correct horse"}
NO = b'{"error": {"http_code": 403, "message": "not you"}}'
TOO_LONG = b"x" * (LARGEST_ANSWER + 1)


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ((200, JSON, NO), 403, "unknown"),
        ((200, {"content-type": "text/html"}, b"{}"), 400, "hook_payload_invalid_content_type"),
        ((200, JSON, TOO_LONG), 422, "hook_payload_over_size_limit"),
    ],
)
async def test_wrong_answers(
    open_server: OpenAuth, database: Any, answer: Answer, status: int, code: str
) -> None:
    async with hook_server() as server:
        server.answer = lambda asked: answer
        async with open_server(**hooked("BEFORE_USER_CREATED", server)) as auth:
            said = await auth.refused(status, code, "POST", "/signup", json=ADA)
            assert (code != "unknown") or said == "not you"
    admin = await database.pool(database.dsn, size=1)
    assert await admin.fetchval("select count(*) from auth.users") == 0


def patience(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Shorten what a hook is given: GoTrue's five seconds, and two between tries."""
    for name, value in seconds.items():
        monkeypatch.setitem(HttpHooks.__init__.__kwdefaults__, name, value)  # type: ignore[arg-type]


async def test_nobody_there(open_server: OpenAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    patience(monkeypatch, pause=0.01)
    async with hook_server() as server:
        pass
    async with open_server(**hooked("BEFORE_USER_CREATED", server)) as auth:
        answer = await auth.http.post("/signup", json=ADA)
        assert answer.status_code == 422
        assert answer.json()["error_code"] == "hook_timeout_after_retry"


async def test_silence(open_server: OpenAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    patience(monkeypatch, seconds=0.2)
    async with hook_server() as server:
        server.released.clear()
        async with open_server(**hooked("BEFORE_USER_CREATED", server)) as auth:
            answer = await auth.http.post("/signup", json=ADA)
            assert answer.status_code == 422
            assert answer.json()["error_code"] == "hook_timeout"
        server.released.set()
