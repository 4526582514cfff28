"""``keyturn console DIR``: where it listens, who may have a link, and what it leaves behind."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.command import RunWith, runner
from tests.support.deployments import Deployment, healthy

from keyturn.adapters import system
from keyturn.adapters.console_key import console_key
from keyturn.console.sessions import Sessions
from keyturn.secret import Secret
from keyturn.wiring.change import ChangeOptions
from keyturn.wiring.console_bench import ConsoleOptions
from keyturn.wiring.console_deployment import (
    AlreadyRuns,
    DeploymentConsole,
    PortTaken,
    link_of_running,
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> RunWith:
    """Return the runner."""
    return runner(monkeypatch, capfd)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A deployment of today."""
    return healthy(tmp_path, "2026-envoy", asymmetric=False, now=datetime.now(UTC))


def opened(deployment: Deployment, host: str = "127.0.0.1", port: int = 0) -> DeploymentConsole:
    """Open a console on any free port."""
    options = ConsoleOptions(ChangeOptions(str(deployment.folder), runner="true {service}"))
    return DeploymentConsole(options, host, port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.com"])
def test_it_listens_to_this_machine_only(run: RunWith, deployment: Deployment, host: str) -> None:
    refused = run("console", str(deployment.folder), "--host", host, "--port", "0")
    assert refused.code == 2
    assert "ssh -L" in refused.err
    assert not (deployment.folder / ".keyturn").exists()


def test_a_runner_that_asks_at_the_terminal_is_refused(
    run: RunWith, deployment: Deployment
) -> None:
    assert run("console", str(deployment.folder), "--runner", "print").code == 2


def test_without_a_console_there_is_no_link(run: RunWith, deployment: Deployment) -> None:
    assert run("console", str(deployment.folder), "--link").code == 4
    assert run("console", str(deployment.folder / "nowhere"), "--link").code == 2


def test_a_link_of_the_running_console_signs_in_and_ends_with_it(deployment: Deployment) -> None:
    console = opened(deployment)
    file = deployment.folder / ".keyturn" / "console.json"
    assert file.stat().st_mode & 0o777 == 0o600
    sessions = Sessions(
        console_key(Secret(bytes.fromhex(json.loads(file.read_bytes())["key"]))),
        system.now,
        system.entropy,
    )
    link = link_of_running(str(deployment.folder), actor="ada", role="read_only")
    assert link.url.startswith(console.url + "/sign-in?link=")
    session = sessions.open(link.url.partition("link=")[2])
    assert (session.actor, session.may_change) == ("ada", False)
    with pytest.raises(AlreadyRuns):
        opened(deployment)
    console.close()
    assert not file.exists()


def test_the_next_console_has_another_key(deployment: Deployment) -> None:
    keys = set()
    for _ in range(2):
        console = opened(deployment)
        keys.add((deployment.folder / ".keyturn" / "console.json").read_text())
        console.close()
    assert len({json.loads(text)["key"] for text in keys}) == 2


def test_a_taken_port_is_said(deployment: Deployment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(PortTaken):
        opened(deployment, port=other.getsockname()[1])
    assert not (deployment.folder / ".keyturn").exists()


def test_what_a_killed_console_left_does_not_stop_the_next(deployment: Deployment) -> None:
    console = opened(deployment)
    file = deployment.folder / ".keyturn" / "console.json"
    left = json.loads(file.read_bytes())
    console.close()
    file.write_text(json.dumps({**left, "pid": 2**22 + 1}))
    opened(deployment).close()
