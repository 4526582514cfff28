"""``keyturn migrate`` and ``rotate`` in this process, on a real folder and without containers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.command import RunWith, runner
from tests.support.deployments import Deployment, healthy

QUIET = ("--runner", "true {service}", "--no-probe", "--yes")
"""Nothing is recreated and nobody is asked."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> RunWith:
    """Return the runner."""
    for name in ("COMPOSE_FILE", "JWT_SECRET", "ANON_KEY", "KEYTURN_CHECK_PASSWORD"):
        monkeypatch.delenv(name, raising=False)

    return runner(monkeypatch, capfd)


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
