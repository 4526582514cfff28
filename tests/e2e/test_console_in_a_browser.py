"""The console of a running stack in Chromium, while clients of that stack are at work."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.browser import why_not
from tests.support.console_browser import enter, link_of, visiting
from tests.support.stack import Stack, running
from tests.support.worker import worker

REASON = why_not()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(240),
]
_OLDER = """
update keyturn.signing_keys set
  created_at = created_at - $1::interval, published_at = published_at - $1::interval,
  promoted_at = promoted_at - $1::interval, retired_at = retired_at - $1::interval,
  tokens_until = tokens_until - $1::interval
"""
_NEW_TOKENS = """
select count(*) from auth.refresh_tokens
where created_at > (select promoted_at from keyturn.signing_keys where state = 'in_use')
"""


async def forward(stack: Stack, **length: float) -> None:
    """Let the ring live for a while: whatever it remembers is that much longer ago."""
    await asyncio.to_thread(stack.sql, _OLDER, timedelta(**length))


async def signed_in(page: Any, stack: Stack) -> None:
    """Come by as a newcomer does: an address first, then the printed link."""
    await page.goto("/")
    assert page.url.endswith("/sign-in")
    assert "keyturn console-link" in await page.inner_text("main")
    await page.goto(await asyncio.to_thread(link_of, stack))
    await enter(page)
    await page.wait_for_load_state()
    assert "link=" not in page.url


async def refreshed(stack: Stack) -> None:
    """Return when the application at work holds a token of the new key."""
    for _ in range(400):
        if (await asyncio.to_thread(stack.rows, _NEW_TOKENS))[0]["count"] >= 2:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the application does not refresh")


@pytest.mark.xdist_group("rotation")
def test_a_key_lives_and_dies_and_nobody_who_works_notices(tmp_path: Path) -> None:
    """From the first visit to the old key's end, with an application of supabase-js beside it."""
    with running(tmp_path / "data") as stack:
        asyncio.run(_live_and_die(stack, stack.keys_in_use()[0]))


async def _live_and_die(stack: Stack, first: str) -> None:
    said: list[str] = []
    async with worker(stack) as report, visiting(stack.url) as page:
        page.on("console", lambda one: said.append(one.text))
        await signed_in(page, stack)
        await _a_standby_must_wait(page)
        await forward(stack, minutes=20)
        await page.reload()
        await page.get_by_label("I understand").check()
        await page.get_by_role("button", name="Rotate keys").click()
        await page.wait_for_url("**/signing-keys")
        assert await page.locator(".lane.previously_used .kid").inner_text() == first

        await page.goto(f"/signing-keys/{first}/revoke")
        assert "Not yet: " in await page.inner_text("main")
        assert await page.get_by_role("button", name="Revoke this key").count() == 0
        await refreshed(stack)
        await forward(stack, hours=1, minutes=1)
        await page.reload()
        await page.get_by_label("Type the key ID").fill(first)
        await page.get_by_role("button", name="Revoke this key").click()
        await page.wait_for_url("**/signing-keys")
        assert await page.locator(".lane.revoked .kid").inner_text() == first
        published = await asyncio.to_thread(_published, stack)
        assert first not in published
        assert len(published) == 2
        # It goes on for a while without the key that it began with.
        await asyncio.sleep(0.5)

    assert report["failures"] == []
    assert report["requests"] > 20
    assert report["refreshes"] >= 2
    assert report["kids"][0] == first
    assert len(report["kids"]) == 2
    assert said == []


async def _a_standby_must_wait(page: Any) -> None:
    await page.get_by_role("link", name="Signing keys", exact=True).click()
    await page.get_by_role("link", name="Create standby key").click()
    await page.get_by_role("button", name="Create standby key").click()
    await page.wait_for_url("**/signing-keys")
    assert await page.locator(".lane.standby article").count() == 2
    await page.get_by_role("link", name="Rotate keys").click()
    assert "Not yet: " in await page.inner_text("main")
    assert "minutes left" in await page.inner_text("main")
    assert await page.get_by_role("button", name="Rotate keys").count() == 0


def _published(stack: Stack) -> list[str]:
    document = httpx.get(f"{stack.url}/auth/v1/.well-known/jwks.json").json()
    return [key["kid"] for key in document["keys"]]


@pytest.mark.xdist_group("stack")
async def test_an_api_key_opens_the_gateway_until_it_is_revoked(stack: Stack) -> None:
    """Made on the page, it works at once; revoked on the page, it is refused within a second."""
    async with visiting(stack.url) as page:
        await signed_in(page, stack)
        await page.goto("/api-keys/new")
        await page.get_by_role("radio", name="Secret").check()
        await page.get_by_label("Name").fill("reports")
        await page.get_by_role("button", name="Create API key").click()
        made = {"apikey": await page.get_by_label("Your new key").input_value()}
        assert await _becomes(stack, made, 200)

        await page.goto("/api-keys")
        await page.get_by_role("link", name="Revoke secret key reports").click()
        await page.get_by_label("Type the name").fill("reports")
        await page.get_by_role("button", name="Revoke this key").click()
        await page.wait_for_url("**/api-keys")
        assert await _becomes(stack, made, 401)


@pytest.mark.xdist_group("stack")
async def test_nothing_secret_is_left_behind(stack: Stack) -> None:
    """Neither in the browser's history nor in any file of the stack, its logs above all."""
    async with visiting(stack.url) as page:
        link = await asyncio.to_thread(link_of, stack)
        await page.goto(link)
        await enter(page)
        await page.goto("/api-keys/new")
        await page.get_by_role("radio", name="Secret").check()
        await page.get_by_label("Name").fill("left_behind")
        await page.get_by_role("button", name="Create API key").click()
        text = await page.get_by_label("Your new key").input_value()
        csrf = await page.locator("input[name=csrf]").first.get_attribute("value")
        (cookie,) = await page.context.cookies()

        await page.goto("/api-keys")
        # The answer that held the key was not kept.
        with pytest.raises(Exception, match="ERR_CACHE_MISS"):
            await page.go_back()
        # Whoever finds the link in the history is not let in by it.
        await page.context.clear_cookies()
        later = await page.context.new_page()
        await later.goto(link)
        await later.get_by_role("button", name="Sign in").click()
        await later.get_by_text("it was used").wait_for()
        await later.goto("/")
        assert later.url.endswith("/sign-in")

    secrets = [link.partition("link=")[2], text, str(csrf), cookie["value"]]
    assert await asyncio.to_thread(_files_with, stack.data_dir, secrets) == []


def _files_with(folder: Path, secrets: list[str]) -> list[str]:
    """Return what is found in which file below ``folder``."""
    assert all(len(secret) > 20 for secret in secrets)
    return [
        f"{secrets.index(secret)} in {path}"
        for path in folder.rglob("*")
        if path.is_file()
        for secret in secrets
        if secret.encode() in path.read_bytes()
    ]


async def _becomes(stack: Stack, headers: dict[str, str], status: int) -> bool:
    """Whether the gateway answers with ``status`` within a second or so."""
    async with httpx.AsyncClient(base_url=stack.url, headers=headers) as http:
        for _ in range(50):
            if (await http.get("/auth/v1/settings")).status_code == status:
                return True
            await asyncio.sleep(0.02)
    return False
