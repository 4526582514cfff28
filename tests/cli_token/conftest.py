"""``keyturn token`` in this process, with a token on standard input and a real ring."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from tests.conftest import Database
from tests.support.command import RunWith, runner

from keyturn.secret_access import reveal


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> RunWith:
    """Return the runner; without more it knows no database."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("KEYTURN_", "GOTRUE_", "DATABASE_")):
            monkeypatch.delenv(name)

    return runner(monkeypatch, capfd)


@pytest.fixture
def ring(run: RunWith, database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Fill the ring of a real database; returns the kid of each state."""
    monkeypatch.setenv("KEYTURN_DATABASE_URL", reveal(database.auth_dsn).decode())
    monkeypatch.setenv("KEYTURN_MASTER_KEY", base64.b64encode(os.urandom(32)).decode())
    assert run("keys", "generate").code == 0
    return kids(run)


def kids(run: RunWith) -> dict[str, str]:
    """Return one kid per state."""
    return {key["state"]: key["kid"] for key in run("keys", "list", "--json").json["keys"]}
