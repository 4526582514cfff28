"""The command line on a real database: ``main`` in this process, its output and exit code."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from tests.conftest import Database
from tests.support.command import Run, runner

from keyturn.secret_access import reveal


@pytest.fixture
def environment(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Point the commands at the test's database, with a fresh master key."""
    monkeypatch.chdir(tmp_path.parent)
    for name in list(os.environ):
        if name.startswith(("KEYTURN_", "GOTRUE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KEYTURN_DATABASE_URL", reveal(database.auth_dsn).decode())
    monkeypatch.setenv("KEYTURN_MASTER_KEY", base64.b64encode(os.urandom(32)).decode())


@pytest.fixture
def run(
    environment: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Return a function that runs ``keyturn`` with the given arguments."""

    return runner(monkeypatch, capfd)
