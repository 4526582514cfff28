"""Takes the pictures of `keyturn console DIR`, for `make screenshots`.

It needs the development packages and Debian's Chromium. Every picture shows a deployment that is
made for the occasion, with containers that live in this process.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.deployment_scene import Scene, opened  # noqa: E402
from tests.support.deployments import Deployment  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WAYS: tuple[tuple[str, tuple[int, int], str], ...] = (
    ("", (1200, 800), "light"),
    ("-dark", (1200, 800), "dark"),
    ("-phone", (360, 740), "light"),
)
# The folder and the runner of this machine are nobody's business.
_PLAIN = """() => document.querySelectorAll('code').forEach(one => {
  if (one.textContent.endsWith('/supabase')) one.textContent = '/srv/supabase';
  if (one.textContent === 'true {service}') one.textContent = 'docker compose';
})"""
# These are shown dark and on a phone as well.
EVERY_WAY = ("deployment-overview", "doctor")


async def main(folder: Path) -> None:
    """Take every picture: wide and light, dark, and on a phone."""
    for name, (width, height), scheme in WAYS:
        shape = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
        with tempfile.TemporaryDirectory() as place:
            await _migration(Scene(Path(place, "supabase")), folder, name, shape)
        with tempfile.TemporaryDirectory() as place:
            scene = Scene(Path(place, "supabase"), asymmetric=True, broken=_broken)
            await _diagnosis(scene, folder, name, shape)


def _broken(deployment: Deployment) -> None:
    deployment.comment_setting("storage", "JWT_JWKS")
    deployment.comment_setting("realtime", "API_JWT_JWKS")


async def _migration(scene: Scene, folder: Path, name: str, shape: dict[str, Any]) -> None:
    async with opened(scene, **shape) as page:
        if not name:
            await page.goto("/migrate/rehearsal")
            await page.get_by_role("button", name="Begin the rehearsal").click()
            await page.get_by_role("row").first.wait_for(timeout=180_000)
            await _save(page, folder, "deployment-rehearsal")
        await page.goto("/migrate")
        await _save(page, folder, f"deployment-migrate{name}")
        await page.get_by_role("button", name="Look at the plan").click()
        await page.wait_for_url("**/migrate/plans/*")
        await _save(page, folder, f"deployment-plan{name}")
        await page.get_by_role("button", name="Only the first of its 3 steps").click()
        await page.wait_for_url("**/migrate/run")
        await scene.settled()
        await page.reload()
        await _save(page, folder, f"deployment-step{name}")
        await page.get_by_role("button", name="Do all that is left").click()
        await scene.settled()
        await page.reload()
        await _save(page, folder, f"deployment-run{name}")
        await page.goto("/")
        await _save(page, folder, f"deployment-overview{name}")
        if not name:
            await page.goto("/migrate/rollback")
            await _save(page, folder, "deployment-rollback")


async def _diagnosis(scene: Scene, folder: Path, name: str, shape: dict[str, Any]) -> None:
    async with opened(scene, **shape) as page:
        await page.goto("/doctor")
        await _save(page, folder, f"doctor{name}")
        if name:
            return
        await page.goto("/doctor/cells/storage/user-ES256")
        await _save(page, folder, "doctor-cell")
        await page.goto("/doctor/follow")
        claims = {
            "role": "authenticated",
            "sub": "ada",
            "exp": int(scene.clock().timestamp()) + 600,
        }
        token = scene.deployment.keys.ec.token(claims)
        await page.get_by_label("Token, API key").fill(token)
        await page.get_by_role("button", name="Follow it").click()
        await page.get_by_text("Another one").wait_for()
        await _save(page, folder, "doctor-follow")


async def _save(page: Any, folder: Path, title: str) -> None:
    if title.endswith(("-dark", "-phone")) and not title.startswith(EVERY_WAY):
        return
    await page.evaluate(_PLAIN)
    await page.screenshot(path=folder / f"console-{title}.png", full_page=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES))
