"""``docs/reference/profiles.md`` says what the profiles do."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import pytest

from keyturn.profiles import auth, envoy, functions, kong, pooler, realtime, rest, storage
from keyturn.profiles.behaviour import Behaviour
from keyturn.profiles.reference import TABLES, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "profiles.md"
MODULES = (auth, rest, realtime, storage, functions, kong, envoy, pooler)


def test_the_page_is_written_from_the_data() -> None:
    command = """python -c 'from keyturn.profiles.reference import page; print(page(), end="")'"""
    assert PAGE.read_text() == page(), f"run: {command} > docs/reference/profiles.md"


@pytest.mark.parametrize("row", [row for _, rows in TABLES for row in rows], ids=str)
def test_every_row_says_where_it_is_from(row: Behaviour) -> None:
    assert row.source
    assert row.picks
    assert row.answers


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.__name__)
def test_every_setting_on_the_page_is_one_that_the_profile_reads(module: ModuleType) -> None:
    source = inspect.getsource(module) + inspect.getsource(kong.issuer_failure)
    code = source.partition("BEHAVIOURS = (")[0] + inspect.getsource(kong.issuer_failure)
    if module is kong:
        from keyturn.profiles import kong_file

        code += inspect.getsource(kong_file)
    rows: tuple[Behaviour, ...] = module.BEHAVIOURS
    assert not [name for row in rows for name in row.reads if name not in code]
