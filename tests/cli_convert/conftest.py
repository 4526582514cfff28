"""``keyturn convert`` and ``keyturn keys generate --out`` in this process: no ring, no database."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Protocol

import pytest
from tests.support.command import Outcome

from keyturn.cli.main import main


class RunWith(Protocol):
    """Runs ``keyturn`` with arguments and a standard input."""

    def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        """Return what it printed and its exit code."""
        ...


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> RunWith:
    """Return the runner; it works in an empty folder and knows no database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEYTURN_DATABASE_URL", raising=False)

    def call(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfd.readouterr()
        try:
            main(arguments)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 0
        else:
            code = 0
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call
