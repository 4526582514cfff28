"""``keyturn migrate`` and ``rotate`` in this process, on a real folder and without containers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.command import RunWith, runner
from tests.support.deployments import Deployment, healthy

from keyturn.wiring import change

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


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Bytes and modes of every file but the journal's."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
        )
        for path in folder.rglob("*")
        if path.is_file() and ".keyturn" not in path.parts
    }


@dataclass
class Hours:
    """The clock of the command line, moved by hand."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """Return the real time and what was added to it."""
        return datetime.now(UTC) + self.ahead

    def pass_by(self, **length: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(**length)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    """Return a clock that the test moves."""
    made = Hours()
    monkeypatch.setattr(change, "now", made.now)
    return made
