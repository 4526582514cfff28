"""The console of a deployment in Chromium: three phases and back, doctor, axe, phone, no script."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import compile_path
from tests.support.browser import AXE, findings, why_not
from tests.support.deployment_scene import Scene, opened
from tests.support.deployments import Deployment

from keyturn.console.deployment.app import PAGES

REASON = why_not()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(240),
]
_STATIC = ["/", "/migrate", "/migrate/run", "/migrate/undo", "/migrate/rollback",
           "/migrate/rehearsal", "/doctor", "/doctor/follow",
           "/doctor/cells/storage/user-ES256", "/sign-in", "/sign-in?link=x",
           "/nothing"]  # fmt: skip


def broken(deployment: Deployment) -> None:
    """Break it: two services are not told the public keys."""
    deployment.comment_setting("storage", "JWT_JWKS")
    deployment.comment_setting("realtime", "API_JWT_JWKS")


async def carry_out(page: Any, scene: Scene, button: str = "Look at the plan") -> None:
    """From the page of the migration: look at the plan, carry it out, see the end."""
    await page.goto("/migrate")
    await page.get_by_role("button", name=button, exact=True).click()
    await page.wait_for_url("**/migrate/plans/*")
    assert "What changes in the files" in await page.inner_text("main")
    await page.get_by_role("button", name="Carry it out").click()
    await page.wait_for_url("**/migrate/run")
    await scene.settled()
    await page.reload()
    assert "Users signed out: 0" in await page.inner_text("main") or "tokens now" in (
        await page.inner_text("main")
    )


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript on", "JavaScript off"])
async def test_the_three_phases_a_rollback_and_a_rotation(tmp_path: Path, scripts: bool) -> None:
    """The guided path by buttons alone: waits are refused with the time, phase 3 wants a reason."""
    scene, said = Scene(tmp_path / "supabase"), list[str]()
    before = (scene.deployment.folder / ".env").read_bytes()
    async with opened(scene, java_script_enabled=scripts) as page:
        page.on("console", lambda one: said.append(one.text))
        await carry_out(page, scene)
        await page.get_by_role("link", name="Take all of it back").click()
        await page.get_by_role("button", name="Take all of it back").click()
        await page.wait_for_url("**/migrate/run")
        await scene.settled()
        await page.reload()
        assert "taken back" in await page.inner_text("main")
        assert (scene.deployment.folder / ".env").read_bytes() == before

        await carry_out(page, scene)
        await page.goto("/migrate")
        assert "Not yet" in await page.inner_text("main")
        assert await page.get_by_role("button", name="Look at the plan").count() == 0
        scene.containers.now += timedelta(minutes=21)
        await carry_out(page, scene)
        scene.containers.now += timedelta(hours=2)
        await page.goto("/migrate")
        assert "nobody knows who still uses" in await page.inner_text("main")
        await page.get_by_label("Why it is safe").fill("all clients were moved")
        await page.get_by_role("button", name="Look at the plan").click()
        await page.wait_for_url("**/migrate/plans/*")
        await page.get_by_role("button", name="Carry it out").click()
        await page.wait_for_url("**/migrate/run")
        await scene.settled()
        await page.goto("/")
        assert "nothing accepts the legacy secret" in await page.inner_text("h1")
        scene.containers.now += timedelta(hours=2)
        await carry_out(page, scene, "Look at the rotation")
    assert said == []


async def test_progress_arrives_without_a_reload(tmp_path: Path) -> None:
    """With JavaScript the steps turn to done by themselves, and the buttons come at the end."""
    scene = Scene(tmp_path / "supabase")
    async with opened(scene) as page:
        await page.goto("/migrate")
        await page.get_by_role("button", name="Look at the plan").click()
        await page.wait_for_url("**/migrate/plans/*")
        await page.get_by_role("button", name="Carry it out").click()
        await page.wait_for_url("**/migrate/run")
        await page.get_by_text("Users signed out: 0").wait_for()
        await page.get_by_role("link", name="Take all of it back").wait_for()


@pytest.mark.timeout(400)
async def test_a_rehearsal_is_followed_and_stopped_on_the_page(tmp_path: Path) -> None:
    """It says what goes on, can be stopped, and ends with what came of each phase."""
    scene = Scene(tmp_path / "supabase")
    before = (scene.deployment.folder / ".env").read_bytes()
    async with opened(scene) as page:
        await page.goto("/migrate/rehearsal")
        await page.get_by_role("button", name="Begin the rehearsal").click()
        await page.get_by_role("progressbar").wait_for(timeout=90_000)
        await page.get_by_role("button", name="Stop it").click()
        await page.get_by_text("It was stopped").wait_for(timeout=60_000)

        await page.get_by_role("button", name="Rehearse again").click()
        await page.get_by_role("progressbar").wait_for(timeout=90_000)
        assert await page.get_by_role("button", name="Rehearse again").count() == 0
        await page.get_by_text("Nothing that worked was refused").wait_for(timeout=150_000)
        rows = await page.get_by_role("row").all_inner_texts()
        found = await findings(page) if AXE.exists() else []
    assert len(rows) >= 6
    assert all(row.rstrip().endswith("0") for row in rows[1:]), rows
    assert found == []
    assert (scene.deployment.folder / ".env").read_bytes() == before


async def test_doctor_on_a_broken_deployment(tmp_path: Path) -> None:
    """From a red cell to the step that refuses; a token is followed and does not come back."""
    scene = Scene(tmp_path / "supabase", asymmetric=True, broken=broken)
    async with opened(scene) as page:
        await page.get_by_role("link", name="Doctor", exact=True).click()
        assert "2 things" in await page.inner_text("h1")
        assert not AXE.exists() or await findings(page) == []
        assert re.search(r"docker-compose\.yml:\d+", await page.inner_text("main"))
        await page.locator('a.cell[href$="/storage/user-ES256"]').click()
        assert "refuses" in await page.inner_text(".way .bad")
        await page.goto("/doctor/follow")
        token = scene.deployment.keys.ec.token(
            {"role": "authenticated", "sub": "a", "exp": scene.clock().timestamp() + 600}
        )
        await page.get_by_label("Token, API key").fill(token)
        await page.get_by_role("button", name="Follow it").click()
        await page.get_by_text("Another one").wait_for()
        assert not AXE.exists() or await findings(page) == []
        assert "storage: Refused" in await page.inner_text("main")
        assert token not in await page.content()
        assert token not in page.url
        await page.goto("/doctor")
        await page.get_by_role("button", name="Ask the running services").click()
        await scene.settled()
        await page.goto("/doctor")
        assert "As the services answered." in await page.inner_text("main")


def test_no_page_is_left_out() -> None:
    """Every page of the table is among those that are looked at below."""
    for template, _ in PAGES:
        fits = compile_path(template)[0]
        assert template == "/migrate/plans/{id}" or any(map(fits.match, _STATIC)), template


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (make setup)")
async def test_everybody_can_use_every_page(tmp_path: Path) -> None:
    """axe finds nothing in either scheme, and no page is wider than a phone."""
    scene = Scene(tmp_path / "supabase")
    found: dict[str, Any] = {}
    for scheme in ("light", "dark"):
        async with opened(scene, color_scheme=scheme) as page:
            if scheme == "light":
                await page.goto("/migrate")
                await page.get_by_role("button", name="Look at the plan").click()
                await page.wait_for_url("**/migrate/plans/*")
                found["plan"] = await findings(page)
                await page.get_by_role("button", name="Carry it out").click()
                await page.wait_for_url("**/migrate/run")
                await scene.settled()
            for path in _STATIC:
                await page.goto(path)
                for term in await page.locator("summary").all():
                    await term.click()
                found[f"{path} {scheme}"] = await findings(page)
                if scheme == "light":
                    await page.set_viewport_size({"width": 360, "height": 740})
                    width = await page.evaluate("document.documentElement.scrollWidth")
                    assert width <= 360, path
                    await page.set_viewport_size({"width": 1200, "height": 800})
    assert {path: said for path, said in found.items() if said} == {}


async def test_a_phase_by_the_keyboard_alone(tmp_path: Path) -> None:
    """Tab and Enter carry out phase 1; focus can always be seen."""
    scene = Scene(tmp_path / "supabase")

    async def press_on(page: Any, text: str) -> None:
        for _ in range(40):
            await page.keyboard.press("Tab")
            seen = await page.evaluate(
                "[document.activeElement.textContent.trim(),"
                "getComputedStyle(document.activeElement).outlineStyle]"
            )
            assert seen[1] != "none", seen
            if seen[0] == text:
                await page.keyboard.press("Enter")
                return
        raise AssertionError(text)

    async with opened(scene) as page:
        await press_on(page, "Migrate")
        await page.wait_for_url("**/migrate")
        await press_on(page, "Look at the plan")
        await page.wait_for_url("**/migrate/plans/*")
        await press_on(page, "Carry it out")
        await page.wait_for_url("**/migrate/run")
        await scene.settled()
    assert scene.bench.runs()[-1].status.value == "finished"
