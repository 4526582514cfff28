"""docs/findings is what the catalogue says, and every link in it leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keyturn.cli import finding_pages
from keyturn.cli.written_pages import write

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "findings"
PAGES = finding_pages.pages()


def test_the_pages_are_those_of_the_catalogue() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == PAGES, "run: python -m keyturn.cli.finding_pages docs/findings"


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGES[name])
    assert [one for one in links if not (FOLDER / one).resolve().is_file()] == []


def test_the_index_names_every_finding_once() -> None:
    named = re.findall(r"\[(KT\d{3})\]", PAGES["README.md"])
    assert sorted(named) == sorted(name.removesuffix(".md") for name in PAGES if name[0] == "K")


def test_the_command_writes_them(tmp_path: Path) -> None:
    write(tmp_path, PAGES)
    assert {path.name for path in tmp_path.iterdir()} == set(PAGES)
