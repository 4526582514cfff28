"""Live updates as a person sees them: nothing is reloaded, nothing is lost."""

from __future__ import annotations

import pytest
from tests.conftest import Database
from tests.support.browser import why_not
from tests.support.console import open_console
from tests.support.console_browser import enter, opened
from tests.support.console_scene import lived_in

from keyturn.flows import keys
from keyturn.keyring.change import Intent

REASON = why_not()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(180),
]
_PLACES = """
window.places = () => Object.fromEntries([...document.querySelectorAll('h1, h2, article, tr, li')]
  .map((one, number) =>
    [`${number} ${one.innerText}`, Math.round(one.getBoundingClientRect().top)]));
addEventListener('DOMContentLoaded', () => { window.first = window.places(); });
"""


async def test_the_ring_and_a_waiting_dialogue_move_by_themselves(database: Database) -> None:
    """A key made elsewhere appears under a focus that stays; a wait that ends brings its button."""
    hands = await open_console(database)
    said: list[str] = []
    async with opened(hands) as page:
        page.on("console", lambda message: said.append(message.text))
        await enter(page)
        await page.goto("/signing-keys")
        await page.locator("[data-live-state=on]").wait_for()
        await page.locator(".lane.in_use .kid a").focus()
        held = await page.evaluate("document.activeElement.href")
        await keys.generate(hands.services.bench, Intent(hands.now, "cli"), alg="ES256")
        await page.locator(".lane.standby article").nth(1).wait_for()
        assert await page.evaluate("document.activeElement.href") == held

        await page.goto("/signing-keys/rotate")
        assert "20 minutes left" in await page.inner_text("main")
        hands.forward(minutes=20)
        await page.locator("[data-live-state=done]").wait_for()
        await page.get_by_label("I understand").check()
        await page.get_by_role("button", name="Rotate keys").click()
        await page.wait_for_url("**/signing-keys")
        assert await page.locator(".lane.previously_used article").count() == 1
    assert said == []


async def test_nothing_jumps_when_live_updates_begin(database: Database) -> None:
    """What the server sends first is what the page shows, and every line stays where it was."""
    hands = await lived_in(database)
    async with opened(hands) as page:
        await page.add_init_script(_PLACES)
        await enter(page)
        for width in (1200, 360):
            await page.set_viewport_size({"width": width, "height": 800})
            for path in ("/", "/signing-keys", "/signing-keys/rotate", "/jwks", "/inbox"):
                await page.goto(path)
                await page.locator("[data-live-state=on]").wait_for()
                first, now = await page.evaluate("[window.first, window.places()]")
                assert len(first) > 1
                assert now == first, (path, width)


async def test_a_page_that_was_left_open_says_that_the_session_ended(database: Database) -> None:
    """Thirty minutes without a person: the page asks no more, and says why."""
    hands = await open_console(database)
    async with opened(hands) as page:
        await enter(page)
        await page.locator("[data-live-state=on]").wait_for()
        hands.forward(minutes=30)
        await page.locator("[data-live-state=ended]").wait_for()
        words = "getComputedStyle(document.querySelector('[data-live]'), '::before').content"
        assert "session has ended" in await page.evaluate(words)
        await page.reload()
        assert page.url.endswith("/sign-in")


async def test_without_javascript_nothing_is_asked_for(database: Database) -> None:
    """The page is as it was loaded, and says how to see newer facts."""
    hands = await open_console(database)
    asked: list[str] = []
    async with opened(hands, java_script_enabled=False) as page:
        page.on("request", lambda request: asked.append(request.url))
        await enter(page)
        assert "Reload the page" in await page.inner_text("main")
    assert not [url for url in asked if "/live/" in url or url.endswith(".js")]
