"""``keyturn doctor`` on the largest real deployment at hand: wall time with process start."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.deployments import healthy

from bench.report import Report

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
FORMS = ("text", "json", "sarif", "markdown")


def measure(report: Report, rounds: int) -> None:
    """Time the static doctor in every form; the corpus where it is present, else a fixture."""
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as made:
        folder, arguments = _largest() or _fixture(Path(made))
        run = _Runs(_as_installed(Path(made)), rounds)
        report.section(f"Doctor, wall time with process start (median of {rounds})")
        aim = "aim: under 1 s"
        for form in FORMS:
            seconds = run.median(*arguments, "--format", form)
            report.row(f"keyturn doctor {folder} --format {form}", f"{1000 * seconds:.0f} ms", aim)
        seconds = run.median("--error", "signing method HS256 is invalid", *arguments)
        report.row(f"keyturn doctor {folder} --error …", f"{1000 * seconds:.0f} ms", aim)


def _largest() -> tuple[str, tuple[str, ...]] | None:
    """Return the name of the entry with most bytes of configuration, and how to read it."""
    entries = [path for path in CORPUS.glob("*") if path.is_dir()]
    if not entries:
        return None
    largest = max(entries, key=_size)
    return largest.name, (str(largest), "--env-file", str(largest / ".env.example"))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _fixture(folder: Path) -> tuple[str, tuple[str, ...]]:
    return "(fixture)", (str(healthy(folder / "deployment").folder),)


def _as_installed(folder: Path) -> Mapping[str, str]:
    """Return an environment in which modules are compiled once, as a package manager does."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


@dataclass(frozen=True)
class _Runs:
    environment: Mapping[str, str]
    rounds: int

    def median(self, *arguments: str) -> float:
        """Return the median wall time; the first run, which compiles, does not count."""
        return statistics.median([self._once(arguments) for _ in range(self.rounds + 1)][1:])

    def _once(self, arguments: tuple[str, ...]) -> float:
        command = [sys.executable, "-m", "keyturn", "doctor", *arguments]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False, env=self.environment)
        seconds = time.perf_counter() - started
        assert done.returncode in (0, 1), done.stderr.decode()
        return seconds
