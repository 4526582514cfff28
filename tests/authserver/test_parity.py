"""``docs/gotrue-parity.md`` is current, says nothing untrue and leaves nothing out."""

from __future__ import annotations

import ast
from pathlib import Path

from scripts import gotrue_parity as parity
from tests.support.error_codes import PRODUCED

from keyturn.accounts.provider_rows import PROVIDERS

ROOT = Path(__file__).parents[2]
GOTRUE = parity.GOTRUE


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "gotrue-parity.md").read_text("utf-8")
    assert page == parity.render(), "python -m scripts.gotrue_parity > docs/gotrue-parity.md"


def test_every_name_that_we_call_gotrues_is_one() -> None:
    assert parity.our_settings() <= set(parity.setting_names())
    assert set(GOTRUE["different"]) <= {
        name.removeprefix(parity.PREFIX) for name in parity.setting_names()
    }
    assert set(PROVIDERS) <= set(GOTRUE["providers"]["names"].split())
    assert parity.codes() <= set(GOTRUE["codes"]["names"].split())


def test_a_difference_is_told_only_of_what_is_here() -> None:
    settings = dict(parity.setting_rows())
    for name in GOTRUE["different"]:
        assert settings[parity.PREFIX + name].startswith("different"), name
    endpoints = dict(parity.endpoint_rows())
    for endpoint, note in GOTRUE["endpoints"].items():
        assert not note or endpoints[endpoint].startswith("different"), endpoint


def test_every_setting_without_effect_has_a_reason() -> None:
    assert [name for name, text in parity.setting_rows() if text == "not there"] == []


def test_an_error_code_occurs_or_has_a_reason() -> None:
    listed, absent = set(GOTRUE["codes"]["names"].split()), set(GOTRUE["codes"]["absent"])
    assert absent <= listed
    assert parity.codes() == listed - absent


def test_every_error_code_that_occurs_has_a_test() -> None:
    produced = {
        code for tests in PRODUCED.values() for codes in tests.values() for code in codes.split()
    }
    assert produced == parity.codes()


def test_the_tests_of_error_codes_exist() -> None:
    for path, tests in PRODUCED.items():
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        defined = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert set(tests) <= defined, path
