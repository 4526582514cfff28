"""The examples of the guide type-check and run; the tables of the reference are the code's."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
from mypy import api

import keyturn
from keyturn import AlarmKind, CachePolicy, TokenCachePolicy, TokenRejected

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/how-to/verify-tokens.md").read_text()
REFERENCE = (ROOT / "docs/reference/verifier.md").read_text()
FRAMEWORKS = (ROOT / "docs/how-to/frameworks.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE + FRAMEWORKS, re.DOTALL)
NEEDS_MORE = re.compile("read_|invalidate")  # files that are not here, or a network


def test_every_example_type_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / f"example_{number}.py" for number, _ in enumerate(EXAMPLES)]
    for file, text in zip(files, EXAMPLES, strict=True):
        file.write_text(text)
    monkeypatch.setenv("MYPYPATH", str(ROOT / "src"))
    options = ["--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    said, broken, _ = api.run([*options, "--follow-imports", "silent", *map(str, files)])
    assert (broken, said.strip()) == (
        "",
        f"Success: no issues found in {len(EXAMPLES)} source files",
    )


@pytest.mark.parametrize("text", [text for text in EXAMPLES if not NEEDS_MORE.search(text)])
def test_examples_run(text: str) -> None:
    exec(compile(text, "example", "exec"), {"__name__": "__main__"})


def test_every_example_file_is_in_the_guide_and_every_link_leads_somewhere() -> None:
    linked = re.findall(r"\]\((\.\./[^)#]+)\)", FRAMEWORKS)
    assert [link for link in linked if not (ROOT / "docs/how-to" / link).exists()] == []
    files = {path.name for path in (ROOT / "examples").glob("*_app.py")}
    assert files == {Path(link).name for link in linked if link.endswith(".py")}


def test_the_rules_of_the_cache_are_those_of_the_code() -> None:
    rules = REFERENCE.partition("| `TokenCachePolicy` |")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", rules, re.MULTILINE))
    del rows["leeway"]
    code = {field.name: getattr(CachePolicy(), field.name) for field in fields(CachePolicy)}
    assert {name: float(value) for name, value in rows.items()} == code


def test_every_alarm_and_every_reason_is_explained() -> None:
    reasons = {one.code for one in TokenRejected.__subclasses__()}
    missing = [name for name in {*AlarmKind, *reasons} if f"`{name}`" not in REFERENCE]
    assert missing == []


def test_every_exported_name_is_mentioned() -> None:
    text = GUIDE + REFERENCE
    types = {"AlgorithmName", "AnyAudience", "AnyIssuer", "PrimitiveName"}
    types |= {"KeyturnError", "__version__"}
    assert [name for name in keyturn.__all__ if name not in text and name not in types] == []


def test_every_condition_of_the_token_cache_has_the_tests_that_are_named() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", REFERENCE, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 11))
    for _, cell in rows:
        named = re.findall(r"`(\w+):(\w+)`", cell)
        assert named
        for module, function in named:
            assert callable(getattr(import_module(f"tests.token_cache.{module}"), function))


def test_the_limits_of_the_token_cache_are_those_of_the_code() -> None:
    section = REFERENCE.partition("| `TokenCachePolicy` |")[2].partition("\n## ")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", section, re.MULTILINE))
    code = {
        field.name: getattr(TokenCachePolicy(), field.name) for field in fields(TokenCachePolicy)
    }
    assert {name: float(number.replace(",", "")) for name, number in shown.items()} == code
