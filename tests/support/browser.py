"""Debian's Chromium, driven by Playwright, and axe's rules for pages that everybody can use."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.async_api import Page

CHROMIUM: Final = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
AXE: Final = Path(__file__).parents[1] / "e2e" / "js" / "node_modules" / "axe-core" / "axe.min.js"
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def why_not() -> str | None:
    """Return why no browser can be driven here, None when one can."""
    if not Path(CHROMIUM).exists():
        return "needs Debian's chromium (apt-get install chromium)"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "needs playwright (make setup)"
    return None


async def findings(page: Page) -> list[str]:
    """Return what axe finds on ``page``: impact, rule and the elements."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    report: dict[str, Any] = await page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", _RULES
    )
    return [
        f"{found['impact']}: {found['id']} at {[node['target'] for node in found['nodes']][:3]}"
        for found in report["violations"]
    ]
