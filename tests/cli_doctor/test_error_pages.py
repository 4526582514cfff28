"""A page per message: written by the program, titled with the message, linked both ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keyturn.cli import error_pages
from keyturn.cli.written_pages import write
from keyturn.doctor.catalogue import RULES
from keyturn.doctor.finding import Rule
from keyturn.doctor.symptom import Symptom
from keyturn.doctor.symptom_page import rules_by_slug
from keyturn.doctor.symptoms import SYMPTOMS, look_up

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "errors"


def test_the_pages_in_the_repository_are_those_that_the_program_writes() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    assert written == error_pages.pages(), "run: python -m keyturn.cli.error_pages docs/errors"


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=[one.slug for one in SYMPTOMS])
def test_a_page_is_titled_with_its_message_and_names_every_cause(symptom: Symptom) -> None:
    text = (ROOT / symptom.page).read_text(encoding="utf-8")
    titles = [line for line in text.splitlines() if line.startswith("# ")]
    assert [title.strip("# `") for title in titles] == [symptom.text.strip("`")]
    for cause in symptom.causes:
        assert cause.because in text
        assert cause.fix in text


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_what_a_finding_says_that_users_see_can_be_looked_up(rule: Rule) -> None:
    for text in rule.symptoms:
        assert look_up(text).found, f"{text!r} leads nowhere"


@pytest.mark.parametrize("name", error_pages.pages())
def test_links_lead_somewhere(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert [one for one in links if not (FOLDER / one).resolve().is_file()] == []


def test_many_messages_lead_to_findings() -> None:
    assert len(rules_by_slug(RULES)) > len(SYMPTOMS) / 2


def test_writing_removes_what_is_no_message_any_more(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old")
    write(tmp_path, error_pages.pages())
    assert {path.name for path in tmp_path.iterdir()} == set(error_pages.pages())
