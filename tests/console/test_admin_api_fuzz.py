"""Whatever the admin API's document allows, and what it forbids: no 5xx, no other answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import httpx
import pytest
import requests
from tests.conftest import Database
from tests.support.console import BASE, Browser, open_console
from tests.support.console_people import person
from tests.support.fuzzing import EXAMPLES, Scene, fuzz

T = TypeVar("T")


@pytest.mark.timeout(120 + 60 * EXAMPLES)
async def test_every_answer_is_in_the_document(database: Database) -> None:
    hands = await open_console(database)
    http = Browser(hands).http
    loop = asyncio.get_running_loop()

    def done(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    def send(case: Any, headers: Mapping[str, str]) -> httpx.Response:
        prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
        return done(
            http.request(
                str(prepared.method),
                str(prepared.url),
                content=prepared.body,  # type: ignore[arg-type]
                headers={**{name: str(text) for name, text in prepared.headers.items()}, **headers},
            )
        )

    def scene(operation: Any) -> Scene:
        hands.forward(hours=1)
        key = done(hands.secret_key(f"key{hands.now:%d%H}"))
        known = {"ref": "self-hosted", "id": done(standby())}
        if "/users/" in operation.path:
            known["id"], (known["session_id"], *_) = done(
                person(database, f"ada{hands.now:%d%H}@example.com", hands.now, hands.now)
            )
        elif "/api-keys/" in operation.path:
            known["id"] = str(done(hands.services.api_keys.list())[-1].id)
        return Scene([{"apikey": key}, {"apikey": key}, {}], known)

    async def standby() -> str:
        ring = await hands.services.bench.store.load()
        return ring.standby[0].kid if ring.standby else "none"

    answer = await http.get("/admin/api/openapi.json")
    failures = await asyncio.to_thread(fuzz, answer.json(), send, scene)
    assert not failures, "\n\n".join(failures)
