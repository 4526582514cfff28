"""The command line on folders of files, without databases or containers."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from tests.support.command import Run, runner
from tests.support.deployments import NOW

from keyturn.adapters import system


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs ``keyturn`` at :data:`NOW`, away from any deployment."""
    monkeypatch.chdir(tmp_path.parent)
    for name in list(os.environ):
        if name.startswith(("KEYTURN_", "GOTRUE_", "JWT_", "SUPABASE_", "COMPOSE_")):
            monkeypatch.delenv(name)
    at(monkeypatch, NOW)
    return runner(monkeypatch, capfd)


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Let every command believe that it is ``moment``."""
    monkeypatch.setattr(system, "now", lambda: moment)
    monkeypatch.setattr("keyturn.wiring.change.now", lambda: moment)
