"""Doctor in this process, on deployments made for the test, at a fixed time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from tests.support.command import RunWith, runner
from tests.support.deployments import NOW

from keyturn.deploy.inventory import Inventory, Kind
from keyturn.doctor.matrix import HOSTILE
from keyturn.profiles.request import Credential, CredentialKind
from keyturn.profiles.verdict import Outcome as Ending
from keyturn.profiles.verdict import Verdict


@dataclass
class Says:
    """Predictions of our own: everything is as it should be but what ``outcomes`` says."""

    outcomes: Mapping[tuple[Kind, CredentialKind], Verdict] = field(default_factory=dict)

    def __call__(self, inventory: Inventory, credential: Credential, service: Kind) -> Verdict:
        """Predict one cell."""
        kind = credential.kind
        assert kind is not None
        usual = Verdict(Ending.REFUSED, status=401) if kind in HOSTILE else Verdict(Ending.ACCEPTED)
        return self.outcomes.get((service, kind), usual)


@pytest.fixture
def says() -> Says:
    """Return healthy predictions."""
    return Says()


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> RunWith:
    """Return the runner; it stands in an empty folder and knows only what tests set."""
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    monkeypatch.chdir(empty)
    for name in list(os.environ):
        if name not in ("PATH", "HOME", "LANG", "TMPDIR"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("keyturn.wiring.doctor.now", _at_noon)

    return runner(monkeypatch, capfd, "doctor")


def _at_noon() -> datetime:
    return NOW
