"""The rules of the house that no tool checks: sizes, names, and what may not be in the tree."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    if name and (ROOT / name).is_file()
]
PYTHON = [path for path in TRACKED if path.suffix == ".py"]
SOURCES = [path for path in PYTHON if "src" in path.relative_to(ROOT).parts]
VAGUE = {"utils", "util", "helpers", "helper", "core", "manager", "base", "common", "misc"}


def named(path: Path) -> str:
    """The path as a reader of the repository writes it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PYTHON, ids=named)
def test_files_stay_under_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 400


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_functions_stay_under_60_lines(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 60]
    assert long == []


def test_no_vague_names() -> None:
    vague = [named(p) for p in SOURCES if VAGUE & {part.removesuffix(".py") for part in p.parts}]
    assert vague == []


def test_every_public_module_says_what_it_is() -> None:
    silent = [named(p) for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


# Spelt with one-letter classes so that this file does not find itself.
FORBIDDEN = {
    "a package registry's address": r"p[y]pi\.org|p[y]thonhosted\.org|n[p]mjs\.(?:org|com)",
    "a private key": r"-----BEGIN (?:EC |RSA )?PRIVATE KEY-----\n[A-Za-z0-9+/]{40}",
    "a private JWK": r'"d"\s*:\s*"[A-Za-z0-9_-]{43}"',
    "a secret API key": r"sb_secret_(?!([A-Za-z])\1{21})[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{8}",
}
# Values published in RFC 7515/7517/8037 and by Supabase's own CLI are nobody's secret.
PUBLISHED = {"tests/jose", "tests/verify", "tests/apikeys", "src/keyturn/apikeys"}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_secret_or_local_is_in_the_tree(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in TRACKED:
        name = named(path)
        if what != "a package registry's address" and name.rsplit("/", 1)[0] in PUBLISHED:
            continue
        if pattern.search(path.read_bytes().decode("utf-8", "replace")):
            found.append(name)
    assert found == []
