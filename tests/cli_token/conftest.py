"""``keyturn token`` in this process, with a token on standard input and a real ring."""

from __future__ import annotations

import base64
import io
import os
import sys
from pathlib import Path
from typing import Protocol

import pytest
from tests.conftest import Database
from tests.support.command import Outcome

from keyturn.cli.main import main
from keyturn.secret_access import reveal


class RunWith(Protocol):
    """Runs ``keyturn`` with arguments and a standard input."""

    def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        """Return what it printed and its exit code."""
        ...


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> RunWith:
    """Return the runner; without more it knows no database."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("KEYTURN_", "GOTRUE_", "DATABASE_")):
            monkeypatch.delenv(name)

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
