"""``keyturn convert`` and ``keyturn keys generate --out`` in this process: no ring, no database."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import RunWith, runner


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> RunWith:
    """Return the runner; it works in an empty folder and knows no database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEYTURN_DATABASE_URL", raising=False)

    return runner(monkeypatch, capfd)
