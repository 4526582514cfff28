"""Every link between the files of this repository leads somewhere, heading included."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.house.test_house import ROOT, TRACKED, named

PAGES = [path for path in TRACKED if path.suffix == ".md"]
_CODE = re.compile(r"^(```|~~~).*?^\1[^\S\n]*$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|(?:href|src)=\"([^\"]+)\"")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


def links(text: str) -> list[str]:
    """The targets of the links of a page; what stands in code is no link."""
    found = (one[1] or one[2] for one in _LINK.finditer(_CODE.sub("", text)))
    return [one for one in found if not _ELSEWHERE.match(one)]


def anchors(text: str) -> set[str]:
    """The headings of a page as GitHub names them."""
    fenced = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", one) for one in _HEADING.findall(fenced))
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in plain}


def dead(page: Path) -> list[str]:
    """The links of ``page`` that lead nowhere."""
    found = []
    for link in links(page.read_text(encoding="utf-8")):
        path, _, heading = unquote(link).partition("#")
        target = (ROOT / path.lstrip("/") if path.startswith("/") else page.parent / path).resolve()
        target = target if path else page
        if not target.exists() or (
            heading and target.suffix == ".md" and heading not in anchors(target.read_text())
        ):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_link_is_dead(page: Path) -> None:
    assert dead(page) == []


def test_dead_links_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One heading\n[a](page.md#one-heading) [b](gone.md) [c](#two) `[d](code.md)`\n"
        "```\n[e](code.md)\n```\n[f](https://example.com/x)\n"
    )
    assert dead(page) == ["gone.md", "#two"]
