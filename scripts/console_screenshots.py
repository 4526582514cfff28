"""Takes the pictures of the console: `make screenshots` writes ``docs/images/console-*.png``.

It needs the development packages and Debian's Chromium. Every picture shows a ring, API keys and a
history that are made for the occasion in a database that is thrown away afterwards.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.async_api import Page, async_playwright  # noqa: E402
from tests.conftest import TEMPLATE, Database, _start_with_template, as_superuser  # noqa: E402
from tests.support.browser import ARGUMENTS, CHROMIUM  # noqa: E402
from tests.support.console import Hands  # noqa: E402
from tests.support.console_scene import lived_in, person_id, served  # noqa: E402

from keyturn.adapters.postgres.cluster import EmbeddedPostgres  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WIDE = (1200, 800)
PHONE = (360, 740)
# These are shown dark and on a phone as well.
EVERY_WAY = frozenset({"overview", "signing-keys", "rotate-refused", "user", "jwks"})


async def main(folder: Path) -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory() as place:
        cluster = EmbeddedPostgres(Path(place) / "cluster")
        try:
            await _start_with_template(cluster)
            await as_superuser(cluster, f"create database scene template {TEMPLATE}")
            database = Database(cluster, "scene")
            hands = await lived_in(database)
            async with served(hands) as address:
                await shoot(hands, address, folder)
            await database.aclose()
        finally:
            await cluster.stop()


async def shoot(hands: Hands, address: str, folder: Path) -> None:
    """Open every page and write its picture, wide and light unless its name says otherwise."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            for name, size, scheme in (
                ("", WIDE, "light"),
                ("-dark", WIDE, "dark"),
                ("-phone", PHONE, "light"),
            ):
                context = await browser.new_context(
                    viewport={"width": size[0], "height": size[1]},
                    color_scheme="dark" if scheme == "dark" else "light",
                    java_script_enabled=False,
                )
                page = await context.new_page()
                await page.goto(f"{address}/sign-in?link={hands.link()}")
                if not name:
                    await _save(page, folder, "sign-in")
                await page.get_by_role("button", name="Sign in").click()
                await _walk(page, address, folder, name, hands)
                await context.close()
        finally:
            await browser.close()


async def _walk(page: Page, address: str, folder: Path, name: str, hands: Hands) -> None:
    ring = await hands.services.bench.store.load()
    former = next(key for key in ring.keys if key.state == "previously_used")
    pages = {
        "overview": "/",
        "signing-keys": "/signing-keys",
        "signing-key": f"/signing-keys/{ring.in_use.kid}",
        "rotate-refused": "/signing-keys/rotate",
        "revoke-refused": f"/signing-keys/{former.kid}/revoke",
        "revoke": f"/signing-keys/{ring.standby[0].kid}/revoke",
        "create-standby": "/signing-keys/new",
        "api-keys": "/api-keys",
        "create-api-key": "/api-keys/new",
        "jwks": "/jwks",
        "users": "/users",
        "user": f"/users/{person_id('ada')}",
        "ban": f"/users/{person_id('grace')}/ban",
        "inbox": "/inbox",
        "audit-log": "/audit-log",
    }
    for title, path in pages.items():
        if not name or title in EVERY_WAY:
            await page.goto(address + path)
            await _save(page, folder, title + name)
    if name:
        return
    await page.goto(f"{address}/api-keys/new")
    await page.get_by_role("radio", name="Secret").check()
    await page.get_by_label("Name").fill("reports")
    await page.get_by_role("button", name="Create API key").click()
    await page.locator("textarea").evaluate("field => field.value = 'sb_secret_' + '•'.repeat(31)")
    await _save(page, folder, "api-key-created")


async def _save(page: Page, folder: Path, title: str) -> None:
    await page.screenshot(path=folder / f"console-{title}.png", full_page=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES))
