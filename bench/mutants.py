"""Mutation testing of what decides about tokens: which changes of the code no test notices.

``make mutants`` copies sources and tests into a folder of its own, runs mutmut there on one core
at low priority, and compares the survivors with ``mutants.toml``, which says of each why it may
live. It fails when one is not explained, and writes ``docs/reference/mutants.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "mutants.md"
REASONS = Path(__file__).with_name("mutants.toml")
DECIDING = {
    "jose": "*",
    "verify": "claims policy token token_cache jwks_cache jwks_policy jwks_health published "
    "fetch_worth",
}
TESTS = [
    "tests/jose", "tests/verify", "tests/token_cache", "tests/verifier/test_decisions.py",
    "tests/verifier/test_decision_edges.py", "tests/verifier/test_published.py",
]  # fmt: skip
# Lines that hold nothing but the words of a message: their wording is nobody's contract.
WORDING = [r"^\s*raise \w+\(", r"^\s*hint=", r'^\s*f?"[^"]*",?$', r"^\s*f?'[^']*',?$"]
BOUNDED = '''"""Few examples, the same ones each time: a mutant has to fall to them."""
from hypothesis import HealthCheck, settings
settings.register_profile("mutants", max_examples=25, deadline=None, derandomize=True,
                          database=None, suppress_health_check=list(HealthCheck))
settings.load_profile("mutants")
'''
HEAD = """# Mutants that live

Written by `make mutants`, which changes the code that decides about tokens (`jose`, and of `verify`
what is not explanation) in small ways, one at a time, and runs the tests against each change
(mutmut). The wording of messages is left alone; decorated methods and module-level tables are too,
because mutmut does not change them.
"""
KILLED = {1: "killed", 3: "killed", 0: "survived", 33: "not reached", 34: "skipped"}


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed."""

    function: str
    before: str
    after: str

    def reason(self, rows: list[dict[str, str]]) -> str | None:
        """Return why it may live, from the first row that fits it."""
        for row in rows:
            if re.search(row.get("function", ""), self.function) and re.search(
                row.get("change", ""), f"{self.before} => {self.after}"
            ):
                return row["why"]
        return None


def prepare(folder: Path) -> None:
    """Copy what mutmut needs into ``folder``, and configure it there."""
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "conftest.py").write_text(BOUNDED)
    files = [
        f"src/keyturn/{package}/{name}" + ("" if name == "*" else ".py")
        for package, names in DECIDING.items()
        for name in names.split()
    ]
    settings: dict[str, Any] = {
        "source_paths": ["src"],
        "only_mutate": files,
        "do_not_mutate_patterns": WORDING,
        "also_copy": ["src", "conftest.py"],
        "pytest_add_cli_args": ["-p", "no:xdist", "-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": TESTS,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    text = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n")


def run(folder: Path) -> None:
    """Run mutmut in ``folder``: one child at a time, at low priority."""
    os.nice(10)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1"]
    with (folder / "mutmut.log").open("wb") as log:
        subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=False)


def verdicts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the fate of every mutant that was tried."""
    for path in sorted(folder.glob("mutants/src/keyturn/*/*.meta")):
        found: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
        for name, code in found.items():
            if code is not None:
                yield name, KILLED.get(code, "killed (time-out)")


def survivor(folder: Path, name: str) -> Survivor:
    """Return what the mutant ``name`` changed."""
    os.chdir(folder)
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = get_diff_for_mutant(name).splitlines()
    parts = {
        sign: " ".join(
            line[1:].split("  #")[0].strip()
            for line in lines
            if line.startswith(sign) and not line.startswith(sign * 3)
        )
        for sign in "-+"
    }
    function = re.sub(r"__mutmut_\d+$", "", name.removeprefix("keyturn."))
    return Survivor(
        function.replace("xǁ", "").replace("ǁ", ".").replace(".x_", "."), *parts.values()
    )


def page(fates: Counter[str], survivors: list[Survivor], rows: list[dict[str, str]]) -> str:
    """Return the page: numbers, and every survivor with its reason."""
    tried = sum(fates.values())
    caught = sum(count for fate, count in fates.items() if fate.startswith("killed"))
    share = 100 * caught / max(tried, 1)
    numbers = f"{tried:,} changes were tried; {caught:,} were caught ({share:.1f} %), "
    numbers += f"{fates['survived']} lived, {fates['not reached']} are in code no test here runs."
    lines = [HEAD, numbers, "", "| where | change | why it may live |", "|---|---|---|"]
    for one in sorted(survivors, key=lambda one: (one.function, one.after)):
        why = one.reason(rows) or "**not explained**"
        lines.append(f"| `{one.function}` | {_code(one.before)} → {_code(one.after)} | {why} |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"``{text.replace('|', chr(92) + '|')}``" if text else "(nothing)"


def main() -> int:
    """Run, write the page, and say what is not explained."""
    parser = argparse.ArgumentParser(prog="make mutants ARGS=")
    parser.add_argument("--folder", type=Path, help="look at an earlier run instead of making one")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="keyturn-mutants-"))
    if options.folder is None:
        prepare(folder)
        print(f"mutants: log in {folder}/mutmut.log; this takes a quarter of an hour or more")
        run(folder)
    found = list(verdicts(folder))
    rows = tomllib.loads(REASONS.read_text())["survivor"]
    living = [survivor(folder, name) for name, fate in found if fate == "survived"]
    PAGE.write_text(page(Counter(fate for _, fate in found), living, rows))
    unexplained = [one for one in living if one.reason(rows) is None]
    for one in unexplained:
        print(f"not explained: {one.function}: {one.before} => {one.after}")
    print(f"mutants: {len(living)} live, {len(unexplained)} of them unexplained; see {PAGE}")
    return bool(unexplained)


if __name__ == "__main__":
    sys.exit(main())
