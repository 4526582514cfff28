"""Real deployments from beside the checkout: green, or told why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rehearse.real import NAMES, with_secrets
from tests.rehearse.stage import phase, reasons, rehearsed

from keyturn.flows.rehearse_ledger import Outcome

CANNOT = {
    "official-2023-01": ("phase 1", "auth is 2.40.1; asymmetric keys need at least 2.157.0"),
    "official-2025-04": ("phase 3", "The gateway knows only the legacy API keys"),
}
"""Entry → the first phase that is not possible there, and why."""

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not NAMES, reason="no real deployments beside the checkout"),
]


@pytest.mark.parametrize("name", NAMES)
async def test_real_deployment(tmp_path: Path, name: str) -> None:
    report = await rehearsed(with_secrets(name, tmp_path / "deployment"))

    assert report.ok, reasons(report)
    if name not in CANNOT:
        assert report.complete, reasons(report)
        return
    stopped, because = CANNOT[name]
    found = phase(report, stopped)
    assert found.outcome is Outcome.NOT_POSSIBLE
    assert because in (found.reason or "")
    done = [one.name for one in report.phases if one.outcome is Outcome.DONE]
    assert ("phase 2" in done) == (stopped == "phase 3")
