"""Hooks over HTTP: what is sent, how it is signed, and every way an answer can be wrong."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from tests.support.hook_server import JSON, KEY, Answer, Asked, HookServer, hook_server

from keyturn.accounts.hooks import HookFailed, HttpHook
from keyturn.adapters.hook_http import LARGEST_ANSWER, HttpHooks, signature
from keyturn.adapters.http_client import StandardHttpClient
from keyturn.secret import Secret

OTHER = b"another key of thirty-two bytes!"


def caller(*, seconds: float = 5.0) -> HttpHooks:
    return HttpHooks(
        StandardHttpClient(timeout=5.0, max_bytes=4 << 20), pause=0.01, seconds=seconds
    )


def hook(server: HookServer, *keys: bytes) -> HttpHook:
    return HttpHook(server.url, tuple(Secret(key) for key in keys or (KEY,)))


async def failure(server: HookServer, calls: HttpHooks | None = None) -> HookFailed:
    with pytest.raises(HookFailed) as raised:
        await (calls or caller()).call(hook(server), b"{}")
    return raised.value


async def test_what_is_sent() -> None:
    async with hook_server() as server:
        answer = await caller().call(hook(server), b'{"a": 1}')
    assert answer == b"{}"
    [asked] = server.asked
    assert asked.body == b'{"a": 1}'
    assert asked.headers["content-type"] == "application/json"
    assert abs(int(asked.headers["webhook-timestamp"]) - time.time()) < 60
    assert asked.signed_by(KEY)
    assert not asked.signed_by(OTHER)


async def test_while_secrets_turn_both_sign() -> None:
    async with hook_server() as server:
        await caller().call(hook(server, OTHER, KEY), b"{}")
    assert server.asked[0].signed_by(KEY)
    assert server.asked[0].signed_by(OTHER)


def test_the_signature_covers_id_time_and_payload() -> None:
    key = Secret(KEY)
    right = signature(key, "id", 1, b"{}")
    assert right.startswith("v1,")
    assert right != signature(key, "ie", 1, b"{}")
    assert right != signature(key, "id", 2, b"{}")
    assert right != signature(key, "id", 1, b"{ }")


async def test_no_content() -> None:
    async with hook_server() as server:
        server.answer = lambda asked: (204, {}, b"")
        assert await caller().call(hook(server), b"{}") is None


@pytest.mark.parametrize(
    ("answer", "status", "code", "message"),
    [
        ((400, JSON, b"{}"), 500, "unexpected_failure", "Invalid payload sent to hook"),
        ((401, JSON, b"{}"), 500, "unexpected_failure", "Hook requires authorization token"),
        ((302, {"location": "/x"}, b""), 500, "unexpected_failure", "hook: 302"),
        ((500, JSON, b"{}"), 500, "unexpected_failure", "hook: 500"),
        ((503, JSON, b"{}"), 500, "unexpected_failure", "currently unavailable"),
        ((429, {"retry-after": "true"}, b""), 500, "unexpected_failure", "currently unavailable"),
        ((200, {}, b"{}"), 400, "hook_payload_invalid_content_type", "Missing Content-Type"),
        (
            (200, {"content-type": "text/html"}, b"{}"),
            400,
            "hook_payload_invalid_content_type",
            "Received content-type: text/html",
        ),
        (
            (200, JSON, b"x" * (LARGEST_ANSWER + 1)),
            422,
            "hook_payload_over_size_limit",
            "limit of 204800 bytes",
        ),
    ],
)
async def test_wrong_answers(answer: Answer, status: int, code: str, message: str) -> None:
    async with hook_server() as server:
        server.answer = lambda asked: answer
        error = await failure(server)
    assert (error.status, error.error_code) == (status, code)
    assert message in error.message


async def test_a_charset_and_the_largest_answer_are_fine() -> None:
    async with hook_server() as server:
        kind = {"content-type": "Application/JSON; charset=utf-8"}
        server.answer = lambda asked: (200, kind, b" " * LARGEST_ANSWER)
        answer = await caller().call(hook(server), b"{}")
    assert answer is not None
    assert len(answer) == LARGEST_ANSWER


async def test_a_busy_hook_is_asked_again_with_a_new_signature() -> None:
    def answer(asked: Asked) -> Answer:
        return (200, JSON, b"[]") if len(server.asked) == 3 else (429, {"retry-after": "1"}, b"")

    async with hook_server() as server:
        server.answer = answer
        assert await caller().call(hook(server), b"{}") == b"[]"
    assert len({asked.headers["webhook-id"] for asked in server.asked}) == 3
    assert all(asked.signed_by() for asked in server.asked)


async def test_nobody_there() -> None:
    async with hook_server() as server:
        pass
    error = await failure(server)
    assert (error.status, error.error_code) == (422, "hook_timeout_after_retry")
    assert error.message == "Failed to reach hook after maximum retries"


async def test_silence() -> None:
    async with hook_server() as server:
        server.released.clear()
        started = asyncio.get_running_loop().time()
        error = await failure(server, caller(seconds=0.2))
        assert asyncio.get_running_loop().time() - started < 5
    assert (error.status, error.error_code) == (422, "hook_timeout")
    assert error.message == "Failed to reach hook within maximum time of 0.200000 seconds"


async def test_the_secret_is_not_sent() -> None:
    async with hook_server() as server:
        await caller().call(hook(server), b"{}")
    assert KEY.decode() not in json.dumps(server.asked[0].headers)
