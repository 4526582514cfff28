"""Answers of compose-go itself to random env files and templates, kept beside this test.

``compose-go.json`` was made by asking ``dotenv.ParseWithLookup`` and ``template.Substitute`` of the
version that it names; ``null`` stands for a refusal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keyturn.deploy import dotenv
from keyturn.deploy.interpolation import InvalidTemplate, substitute
from keyturn.deploy.place import Unreadable

ANSWERS: dict[str, Any] = json.loads((Path(__file__).parent / "compose-go.json").read_text())
PROCESS: dict[str, str] = ANSWERS["environment"]


def _template(text: str) -> str | None:
    try:
        return substitute(text, PROCESS.get).text
    except InvalidTemplate:
        return None


def _env_file(text: str) -> dict[str, str] | None:
    try:
        return {one.name: one.value for one in dotenv.parse(".env", text, PROCESS.get)}
    except Unreadable:
        return None


@pytest.mark.parametrize("kind", ["templates", "env_files"])
def test_the_same_answers(kind: str) -> None:
    read = _template if kind == "templates" else _env_file
    wrong = [(text, answer) for text, answer in ANSWERS[kind] if read(text) != answer]
    assert wrong == []
    refused = sum(answer is None for _, answer in ANSWERS[kind])
    assert 100 < refused < len(ANSWERS[kind]) - 200
