"""A console in Debian's Chromium, on a sign-in link that was just printed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.browser import ARGUMENTS, CHROMIUM
from tests.support.console import Hands
from tests.support.console_scene import served


@asynccontextmanager
async def opened(hands: Hands, **context: Any) -> AsyncIterator[Any]:
    """Yield a page of a fresh browser on the sign-in link of ``hands``."""
    from playwright.async_api import async_playwright

    async with served(hands) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            made = await browser.new_context(base_url=address, **context)
            page = await made.new_page()
            page.set_default_timeout(15_000)
            await page.goto(f"/sign-in?link={hands.link()}")
            yield page
        finally:
            await browser.close()


async def enter(page: Any) -> None:
    """Press the button of the link."""
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/")
