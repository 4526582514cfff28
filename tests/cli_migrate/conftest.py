"""``keyturn migrate`` and ``rotate`` in this process, on a real folder and without containers."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from tests.support.command import Outcome
from tests.support.deployments import Deployment, healthy

from keyturn.cli.main import main

QUIET = ("--runner", "true {service}", "--no-probe", "--yes")
"""Nothing is recreated and nobody is asked."""


class RunWith(Protocol):
    """Runs ``keyturn`` with arguments and a standard input."""

    def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        """Return what it printed and its exit code."""
        ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> RunWith:
    """Return the runner."""
    for name in ("COMPOSE_FILE", "JWT_SECRET", "ANON_KEY", "KEYTURN_CHECK_PASSWORD"):
        monkeypatch.delenv(name, raising=False)

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
def legacy(tmp_path: Path) -> Deployment:
    """A deployment of today that knows HS256 only."""
    folder = tmp_path / "supabase"
    folder.mkdir()
    return healthy(folder, "2026-envoy", asymmetric=False, now=datetime.now(UTC))


@pytest.fixture
def asymmetric(tmp_path: Path) -> Deployment:
    """A deployment of today that signs ES256."""
    folder = tmp_path / "supabase"
    folder.mkdir()
    return healthy(folder, "2026-envoy", asymmetric=True, now=datetime.now(UTC))
