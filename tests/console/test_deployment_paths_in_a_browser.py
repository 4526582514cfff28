"""Step by step, and doctor's fixes, by the buttons of a real page: with and without JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.console.test_deployment_in_a_browser import broken
from tests.support.browser import AXE, findings, why_not
from tests.support.deployment_scene import Scene, opened

REASON = why_not()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(180),
]


async def fits_and_reads(page: Any) -> None:
    """Nothing for axe to find, and no wider than a phone."""
    if AXE.exists():
        assert await findings(page) == []
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.set_viewport_size({"width": 1200, "height": 800})


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript on", "JavaScript off"])
async def test_one_step_after_the_other(tmp_path: Path, scripts: bool) -> None:
    scene = Scene(tmp_path / "supabase")
    async with opened(scene, java_script_enabled=scripts) as page:
        await page.goto("/migrate")
        await page.get_by_role("button", name="Look at the plan", exact=True).click()
        await page.wait_for_url("**/migrate/plans/*")
        await page.get_by_role("button", name="Only the first of its 3 steps").click()
        await page.wait_for_url("**/migrate/run")
        await scene.settled()
        await page.reload()
        assert "Step 1 of 3 is done." in await page.inner_text("main")
        assert "next" in await page.inner_text('li[aria-current="step"]')
        if scripts:
            await fits_and_reads(page)
        await page.get_by_role("button", name="Do step 2 of 3").click()
        await scene.settled()
        await page.goto("/")
        assert "stands after step 2 of 3" in await page.inner_text("main")
        await page.goto("/migrate/run")
        assert "Step 2 of 3 is done." in await page.inner_text("main")
        await page.get_by_role("button", name="Do the last step").click()
        await scene.settled()
        await page.reload()
        assert "Users signed out: 0" in await page.inner_text("main")


async def test_the_rest_at_once_is_live(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "supabase")
    async with opened(scene) as page:
        await page.goto("/migrate")
        await page.get_by_role("button", name="Look at the plan", exact=True).click()
        await page.get_by_role("button", name="Only the first of its 3 steps").click()
        await page.get_by_role("button", name="Do all that is left").click()
        await page.get_by_text("Users signed out: 0").wait_for()


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript on", "JavaScript off"])
async def test_from_the_disagreement_to_the_fix_and_back(tmp_path: Path, scripts: bool) -> None:
    scene = Scene(tmp_path / "supabase", asymmetric=True, broken=broken)
    async with opened(scene, java_script_enabled=scripts) as page:
        await page.goto("/migrate")
        assert "The services disagree" in await page.inner_text("main")
        await page.get_by_role("main").get_by_role("link", name="Doctor", exact=True).click()
        await page.wait_for_url("**/doctor")
        if scripts:
            await fits_and_reads(page)
        await page.get_by_role("button", name="Look at all safe fixes").click()
        await page.wait_for_url("**/migrate/plans/*")
        await page.get_by_role("button", name="Carry it out").click()
        await page.wait_for_url("**/migrate/run")
        await scene.settled()
        await page.reload()
        if scripts:
            await fits_and_reads(page)
        await page.get_by_role("link", name="See what doctor says now").click()
        await page.wait_for_url("**/doctor")
        assert "finds nothing" in await page.inner_text("h1")
        await page.goto("/migrate/run")
        await page.get_by_role("link", name="Take all of it back").click()
        await page.get_by_role("button", name="Take all of it back").click()
        await scene.settled()
        await page.goto("/doctor")
        assert "2 things" in await page.inner_text("h1")


async def test_a_token_is_pasted_on_doctors_own_page(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "supabase")
    async with opened(scene, java_script_enabled=False) as page:
        await page.goto("/doctor")
        await page.get_by_label("Paste a token").fill(scene.deployment.keys.anon)
        await page.get_by_role("button", name="Follow it").click()
        await page.wait_for_url("**/doctor/follow")
        assert "auth: Accepted" in await page.inner_text("main")
        assert scene.deployment.keys.anon not in await page.content()
