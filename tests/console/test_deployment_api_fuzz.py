"""Whatever the document of a deployment's console allows and forbids: no 5xx, no other answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import requests
from tests.console.test_deployment import sign_in, without_jwks
from tests.support.deployment_scene import BASE, Scene
from tests.support.fuzzing import EXAMPLES, fuzz
from tests.support.fuzzing import Scene as Known

T = TypeVar("T")
# It takes a minute of its own, and what it answers is asked elsewhere.
_SLOW = frozenset({"/admin/api/v1/projects/{ref}/deployment/rehearsal"})


@pytest.mark.timeout(120 + 60 * EXAMPLES)
async def test_every_answer_is_in_the_document(tmp_path: Path) -> None:
    console = Scene(tmp_path / "supabase", asymmetric=True, broken=without_jwks)
    ada = await sign_in(console)
    loop = asyncio.get_running_loop()

    def done(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    def send(case: Any, headers: Mapping[str, str]) -> httpx.Response:
        prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()

        async def asked() -> httpx.Response:
            answer = await ada.http.request(
                str(prepared.method),
                str(prepared.url),
                content=prepared.body,  # type: ignore[arg-type]
                headers={**{name: str(text) for name, text in prepared.headers.items()}, **headers},
            )
            await console.settled()
            return answer

        return done(asked())

    def scene(operation: Any) -> Known:
        known = {"ref": "self-hosted", "service": "storage", "credential": "user-ES256"}
        if "plans/{id}" in operation.path:
            known["id"] = done(plan())
        csrf = {"x-csrf-token": ada.csrf}
        kid = console.deployment.keys.ec.kid
        return Known([csrf, csrf, {}], known, {"verb": "fix", "kid": kid})

    async def plan() -> str:
        made = await ada.call("POST", "/deployment/plans", {"verb": "publish"})
        return str(made.json().get("id", "none"))

    answer = await ada.http.get("/admin/api/openapi.json")
    failures = await asyncio.to_thread(fuzz, answer.json(), send, scene, leaving_out=_SLOW)
    assert not failures, "\n\n".join(failures)
