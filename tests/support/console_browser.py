"""A console in Debian's Chromium, on a sign-in link that was just printed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.browser import ARGUMENTS, CHROMIUM
from tests.support.console import Hands
from tests.support.console_scene import served
from tests.support.stack import Stack


@asynccontextmanager
async def opened(hands: Hands, **context: Any) -> AsyncIterator[Any]:
    """Yield a page of a fresh browser on the sign-in link of ``hands``."""
    async with served(hands) as address, visiting(address, **context) as page:
        await page.goto(f"/sign-in?link={hands.link()}")
        yield page


@asynccontextmanager
async def visiting(address: str, **context: Any) -> AsyncIterator[Any]:
    """Yield an empty page of a fresh browser whose relative addresses begin with ``address``."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page = await (await browser.new_context(base_url=address, **context)).new_page()
            page.set_default_timeout(15_000)
            yield page
        finally:
            await browser.close()


def link_of(stack: Stack) -> str:
    """Return the sign-in link that ``keyturn console-link`` prints for a running stack."""
    said = stack.cli("console-link").stdout
    return next(word for word in said.split() if "/sign-in?link=" in word)


async def enter(page: Any) -> None:
    """Press the button of the link."""
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/")
