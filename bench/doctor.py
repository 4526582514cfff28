"""``keyturn doctor`` on the largest real deployment at hand: wall time with process start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.deployments import healthy

from bench.report import Report

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
FORMS = ("text", "json", "sarif", "markdown")


def measure(report: Report, rounds: int) -> None:
    """Time the static doctor in every form; the corpus where it is present, else a fixture."""
    with tempfile.TemporaryDirectory(prefix="keyturn-bench-") as made:
        folder, arguments = _largest() or _fixture(Path(made))
        report.section(f"Doctor, wall time with process start (median of {rounds})")
        aim = "aim: under 1 s"
        for form in FORMS:
            seconds = _median((*arguments, "--format", form), rounds)
            report.row(f"keyturn doctor {folder} --format {form}", f"{1000 * seconds:.0f} ms", aim)
        seconds = _median(("--error", "signing method HS256 is invalid", str(made)), rounds)
        report.row("keyturn doctor --error …", f"{1000 * seconds:.0f} ms")


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


def _median(arguments: tuple[str, ...], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "keyturn", "doctor", *arguments],
            capture_output=True,
            check=False,
        )
        times.append(time.perf_counter() - started)
        assert done.returncode in (0, 1), done.stderr.decode()
    return statistics.median(times)
