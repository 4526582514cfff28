"""The console in Chromium: real pages, real forms, with and without JavaScript, wide and narrow."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from starlette.routing import compile_path
from tests.conftest import Database
from tests.support.browser import AXE, findings, why_not
from tests.support.console import Hands, open_console
from tests.support.console_browser import enter, opened
from tests.support.console_scene import lived_in, person_id

from keyturn.console.app import PAGES
from keyturn.flows import desk

REASON = why_not()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(180),
]


async def paths_of(hands: Hands) -> list[str]:
    """Return the address of every page that a session can open."""
    ring = await hands.services.bench.store.load()
    (first, *_) = [key for key in await hands.services.api_keys.list() if key.active]
    former = next(key for key in ring.keys if key.state == "previously_used")
    gone = next(key for key in ring.keys if key.state == "revoked")
    return [
        "/", "/signing-keys", "/signing-keys/new", "/signing-keys/rotate",
        f"/signing-keys/{ring.in_use.kid}", f"/signing-keys/{former.kid}/revoke",
        f"/signing-keys/{ring.standby[0].kid}/revoke", f"/signing-keys/{gone.kid}/delete",
        "/api-keys", "/api-keys/new",
        f"/api-keys/{first.id}/change", f"/api-keys/{first.id}/revoke", "/api-keys/legacy/off",
        "/jwks", "/audit-log",
        "/users", "/users?q=nobody", f"/users/{person_id('ada')}", f"/users/{person_id('ada')}/ban",
        f"/users/{person_id('alan')}/ban", f"/users/{person_id('ada')}/sign-out",
        f"/users/{person_id('ada')}/sessions/{await session_of(hands, 'ada')}/end", "/inbox",
        "/signing-keys/nobody",
    ]  # fmt: skip


async def session_of(hands: Hands, name: str) -> str:
    """Return one of the sessions of an account."""
    assert hands.services.desk is not None
    ring = await hands.services.bench.store.load()
    _, sessions = await desk.show(hands.services.desk, ring, person_id(name), hands.now)
    return sessions[0].record.session.id


async def test_no_page_is_left_out(database: Database) -> None:
    """Every page of the table is among those that are looked at below; downloads are none."""
    paths = await paths_of(await lived_in(database))
    for template, _ in PAGES:
        fits = compile_path(template)[0]
        assert template.endswith((".csv", ".json")) or any(
            fits.match(path.partition("?")[0]) for path in paths
        ), template


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript on", "JavaScript off"])
async def test_from_the_first_visit_to_a_rotation(database: Database, scripts: bool) -> None:
    """Create a standby, be refused a rotation, wait, rotate; make and revoke an API key."""
    hands = await open_console(database)
    refused: list[str] = []
    async with opened(hands, java_script_enabled=scripts) as page:
        page.on("console", lambda said: refused.append(said.text))
        await enter(page)
        await page.get_by_role("link", name="Signing keys", exact=True).click()
        await page.get_by_role("link", name="Create standby key").click()
        await page.get_by_label("Reason").fill("a drill")
        await page.get_by_role("button", name="Create standby key").click()
        await page.wait_for_url("**/signing-keys")
        assert await page.locator(".lane.standby article").count() == 2

        await page.get_by_role("link", name="Rotate keys").click()
        assert "Not yet: 20 minutes left" in await page.inner_text("main")
        assert await page.get_by_role("button", name="Rotate keys").count() == 0
        hands.forward(minutes=20)
        await page.reload()
        await page.get_by_label("I understand").check()
        await page.get_by_role("button", name="Rotate keys").click()
        await page.wait_for_url("**/signing-keys")
        assert await page.locator(".lane.previously_used article").count() == 1
        assert await page.locator(".lane.in_use article").count() == 1

        await page.goto("/api-keys/new")
        await page.get_by_role("radio", name="Secret").check()
        await page.get_by_label("Name").fill("cron")
        await page.get_by_role("button", name="Create API key").click()
        shown = await page.get_by_label("Your new key").input_value()
        assert re.fullmatch(r"sb_secret_[\w-]{22}_[\w-]{8}", shown)
        await page.get_by_role("link", name="I have copied it").click()
        assert shown not in await page.content()
        await page.get_by_role("link", name="Revoke secret key cron").click()
        await page.get_by_label("Type the name").fill("cron")
        await page.get_by_role("button", name="Revoke this key").click()
        await page.wait_for_url("**/api-keys")
        assert "No key works" in await page.inner_text("main")

        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/sign-in")
        await page.goto("/signing-keys")
        assert page.url.endswith("/sign-in")
    assert refused == []


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (make setup)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_use_every_page(database: Database, scheme: str) -> None:
    """axe finds nothing: contrast, names, order of headings, in both colour schemes."""
    hands = await lived_in(database)
    async with opened(hands, color_scheme=scheme) as page:
        found = {"/sign-in": await findings(page)}
        await enter(page)
        for path in await paths_of(hands):
            await page.goto(path)
            for term in await page.locator("summary").all():
                await term.click()
            found[path] = await findings(page)
        await page.goto("/api-keys/new")
        await page.get_by_role("radio", name="Secret").check()
        for name, what in (("x", "refused"), ("reports", "created")):
            await page.get_by_label("Name").fill(name)
            await page.get_by_role("button", name="Create API key").click()
            await page.get_by_role("alert" if what == "refused" else "textbox").first.wait_for()
            found[f"a key that is {what}"] = await findings(page)
        await page.goto("/sign-in?link=old")
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_text("it was used").wait_for()
        found["an old link"] = await findings(page)

    assert {path: list_ for path, list_ in found.items() if list_} == {}


async def test_no_page_scrolls_sideways_on_a_small_phone(database: Database) -> None:
    """360 px: the page itself is never wider than the screen, and nothing is cut off."""
    hands = await lived_in(database)
    size = {"width": 360, "height": 740}
    async with opened(hands, viewport=size) as page:
        await enter(page)
        for path in await paths_of(hands):
            await page.goto(path)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360, path


async def test_the_dark_side_is_dark(database: Database) -> None:
    """Who prefers dark gets a dark page, and the other way round."""
    hands = await open_console(database)
    for scheme, dark in (("dark", True), ("light", False)):
        async with opened(hands, color_scheme=scheme) as page:
            colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            light = sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3
            assert (light < 64) is dark


async def test_the_keyboard_reaches_everything(database: Database) -> None:
    """Skip link first; then a rotation without ever touching a pointer."""
    hands = await open_console(database)
    hands.forward(minutes=25)
    async with opened(hands) as page:
        await page.get_by_role("button", name="Sign in").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.goto("/signing-keys/rotate")
        reached = []
        for _ in range(20):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate("document.activeElement.id"))
            if reached[-1] == "understood":
                await page.keyboard.press("Space")
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", reached
            if await page.evaluate("document.activeElement.textContent.trim()") == "Rotate keys":
                break
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/signing-keys")
        assert await page.locator(".lane.previously_used article").count() == 1


async def test_a_text_to_copy_has_a_button(database: Database) -> None:
    """The public half of a key is on the clipboard with one press."""
    hands = await open_console(database)
    kid = (await hands.services.bench.store.load()).in_use.kid
    async with opened(hands, permissions=["clipboard-read", "clipboard-write"]) as page:
        await enter(page)
        await page.goto(f"/signing-keys/{kid}")
        await page.get_by_role("button", name="Copy").first.click()
        await page.get_by_role("button", name="Copied").wait_for()
        copied = json.loads(await page.evaluate("navigator.clipboard.readText()"))
    assert copied["kid"] == kid
    assert "d" not in copied


async def test_a_first_visit_is_small_and_asks_nobody_else(database: Database) -> None:
    """Under 150 KB in all, and every request goes to the console itself."""
    hands = await lived_in(database)
    sizes: dict[str, int] = {}
    async with opened(hands) as page:

        async def count(answer: Any) -> None:
            if answer.status == 200:
                sizes[answer.url] = len(await answer.body())

        page.on("response", count)
        await page.reload()
        await enter(page)
        await page.wait_for_load_state("networkidle")
        address = page.url.rstrip("/")

    assert all(url.startswith((address, "data:")) for url in sizes)
    assert 0 < sum(sizes.values()) < 150_000


async def test_another_site_can_neither_frame_it_nor_post_to_it(database: Database) -> None:
    """Clickjacking and CSRF in a real browser that is signed in."""
    hands = await open_console(database)
    before = (await hands.services.bench.store.load()).version
    async with opened(hands) as page:
        await enter(page)
        own = page.url
        evil = own.replace("127.0.0.1", "localhost")
        await page.route(
            "**/evil",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f"<iframe src='{own}signing-keys'></iframe>"
                f"<form method=post action='{own}signing-keys/new'>"
                "<input name=algorithm value=ES256><button>win</button></form>",
            ),
        )
        await page.goto(f"{evil}evil")
        frame = page.frames[-1]
        assert "Signing keys" not in await frame.content()
        await page.get_by_role("button", name="win").click()
        await page.wait_for_url("**/signing-keys/new")
        assert "not signed in" in await page.inner_text("main")

    assert (await hands.services.bench.store.load()).version == before
