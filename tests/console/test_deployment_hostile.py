"""What another site or a guesser can do to the console of a deployment: nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.console.test_deployment import sign_in
from tests.support.deployment_scene import BASE, Scene

from keyturn.adapters import system
from keyturn.console.deployment.app import ACTIONS, LIVE, PAGES
from keyturn.console.sessions import Sessions
from keyturn.console.visit import COOKIE


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A deployment of today that knows HS256 only."""
    return Scene(tmp_path / "supabase")


def filled(path: str) -> str:
    """Return a path of the table with something in its places."""
    return re.sub(r"\{\w+\}", "x", path)


async def test_every_answer_is_walled_in(scene: Scene) -> None:
    """No frame, no inline script, nothing from elsewhere: every page, every error, every part."""
    ada = await sign_in(scene)
    paths = [filled(path) for path, _ in PAGES]
    for path in (*paths, "/sign-in", "/console.css", "/nothing", "/admin/api/openapi.json"):
        head = (await ada.get(path)).headers
        policy = head["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'"), path
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert head["x-frame-options"] == "DENY", path
        assert head["x-content-type-options"] == "nosniff", path
        if path != "/console.css":
            assert head["cache-control"] == "no-store", path


async def test_every_action_needs_the_word_of_the_session_and_its_origin(scene: Scene) -> None:
    """Also following a token and signing out, which change nothing in the deployment."""
    ada, other = await sign_in(scene), await sign_in(scene)
    for path in (*(path for path, _ in ACTIONS), "/doctor/follow", "/sign-out"):
        for csrf in ("", other.csrf, ada.csrf[:-1]):
            answer = await ada.http.post(filled(path), data={"csrf": csrf})
            assert answer.status_code == 403, path
        for origin in ("http://evil.example", "null", "http://127.0.0.1", ""):
            answer = await ada.http.post(
                filled(path), data={"csrf": ada.csrf}, headers={"origin": origin}
            )
            assert answer.status_code == 403, (path, origin)
    assert scene.bench.runs() == ()
    assert (await ada.get("/")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost@evil.example"},
        {"host": ""},
        {"x-forwarded-for": "192.0.2.7"},
    ],
)
async def test_it_answers_to_this_machine_only(scene: Scene, headers: dict[str, str]) -> None:
    """A name that was pointed here, or a proxy that nobody configured, sees nothing."""
    async with scene.client() as http:
        for path in ("/sign-in", "/console.css", "/"):
            answer = await http.get(path, headers=headers)
            assert answer.status_code == 403
            assert "location" not in answer.headers


async def test_a_forwarded_host_changes_nothing(scene: Scene) -> None:
    """No answer repeats it, no redirect follows it."""
    tricks = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    async with scene.client() as http:
        answer = await http.get("/", headers=tricks)
    assert answer.headers["location"] == "/sign-in"
    assert "evil" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "/%2f%2fevil.example",
        "/sign-in?next=//evil.example",
        "/migrate/..%2f..%2fevil",
    ],
)
async def test_no_redirect_leads_away(scene: Scene, path: str) -> None:
    """Neither a look nor signing in is led by the address."""
    async with scene.client() as http:
        url = httpx.URL(BASE).copy_with(raw_path=path.encode())
        for answer in (
            await http.get(url),
            await http.post("/sign-in?next=//evil", data={"link": scene.link(), "next": "//evil"}),
        ):
            target = answer.headers.get("location", "/")
            assert target.startswith("/")
            assert not target.startswith(("//", "/\\"))
            assert "evil" not in target


async def test_sessions_end_idle_and_absolutely_here_too(scene: Scene) -> None:
    """Thirty idle minutes, twelve hours; live parts end with them."""
    scene.services = replace(
        scene.services, sessions=Sessions(scene.key, scene.clock, system.entropy)
    )
    idle, busy = await sign_in(scene), await sign_in(scene)
    scene.containers.now += timedelta(minutes=20)
    assert (await busy.get("/migrate/run")).status_code == 200
    scene.containers.now += timedelta(minutes=11)
    assert (await idle.get("/")).status_code == 303
    for path, _ in LIVE:
        assert (await idle.get(path)).status_code == 401
    for _ in range(28):
        assert (await busy.get("/migrate/run")).status_code == 200
        scene.containers.now += timedelta(minutes=25)
    assert (await busy.get("/migrate/run")).status_code == 303


async def test_guessing_is_slowed_down(scene: Scene) -> None:
    """After ten failures nothing is looked at for a while, not even a good link."""
    async with scene.client() as http:
        for _ in range(10):
            assert (await http.post("/sign-in", data={"link": "guess"})).status_code == 403
        refused = await http.post("/sign-in", data={"link": scene.link()})
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert COOKIE not in http.cookies
