"""The command: exit codes, the three forms of the report, and what it must not do."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.deployments import healthy

from keyturn.cli.main import cli
from keyturn.cli.rehearse_markdown import markdown
from keyturn.cli.rehearse_progress import Progress
from keyturn.cli.rehearse_text import text
from keyturn.deploy.inventory import Kind
from keyturn.errors import Detail
from keyturn.flows.apply_plan import StepFailed
from keyturn.flows.ports.rehearsal import LocalPart
from keyturn.flows.rehearse import Moment
from keyturn.flows.rehearse_ledger import Act, Intrusion, Ledger, Outcome, Refusal
from keyturn.flows.rehearse_report import Report
from keyturn.migrate.refusals import CannotMigrate

pytestmark = pytest.mark.timeout(300)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def run(*arguments: str) -> Any:
    """Run the command line in this process."""
    return CliRunner().invoke(cli, ["rehearse", *arguments])


def report() -> Report:
    """Return one in which something went wrong."""
    ledger = Ledger(lambda: NOW, lambda _: None)
    ledger.begin("before", "Before anything is changed")
    act = Act("a user", "reads", Kind.REST)
    ledger.passed(act)
    ledger.end(Outcome.DONE)
    phase = ledger.begin("phase 1", "Phase 1 | *all* verify")
    phase.steps = ("Everybody learns",)
    ledger.refused(Refusal(act, "HS256 user token", 401, "PGRST301", "No <b>key</b>", "because"))
    ledger.forged(Intrusion(Kind.STORAGE, "legacy key", True), accepted=True)
    ledger.end(Outcome.FAILED, StepFailed("It was taken back.", hint="Mend it."))
    return Report.of(ledger, [LocalPart("auth", Kind.AUTH, "Keyturn's own", "auth 2.196.0")])


def test_a_deployment_that_cannot_migrate_exits_5_and_says_why(tmp_path: Path) -> None:
    healthy(tmp_path / "old", "2023-kong")
    target = tmp_path / "report.md"

    result = run(str(tmp_path / "old"), "--json", "--report", str(target))

    assert result.exit_code == 5, result.output
    found = json.loads(result.stdout)
    assert found["schema_version"] == 1
    assert (found["ok"], found["complete"], found["refused"]) == (True, False, 0)
    assert found["requests"] == sum(one["requests"] for one in found["phases"])
    assert [one["name"] for one in found["phases"]] == ["before", "phase 1"]
    assert "2.157.0" in found["phases"][1]["reason"]
    assert "phase 1" in result.stderr
    details = found["phases"][1]["details"]
    assert len(details) > 2
    assert all(one["place"] and one["remedy"] for one in details)
    written = target.read_text()
    assert "not possible" in written
    assert all(f"\n- {one['place']}: " in written for one in details)
    assert {one["kind"] for one in found["parts"]} >= {"auth", "rest", "realtime", "storage"}


def test_everything_that_stands_in_the_way_has_its_line_and_its_fix() -> None:
    ledger = Ledger(lambda: NOW, lambda _: None)
    ledger.begin("phase 1", "Phase 1")
    both = [Detail("auth is old.", ".env:1", "Upgrade."), Detail("rest is old.", None, None)]
    refused = CannotMigrate("auth is old. rest is old.", hint="Upgrade.").listing(both)
    ledger.end(Outcome.NOT_POSSIBLE, refused)
    shown = text(Report.of(ledger, []), "Rehearsal")
    assert (
        "  not possible: 2 things stand in the way\n"
        "  - .env:1: auth is old.\n"
        "    fix: Upgrade.\n"
        "  - rest is old.\n"
    ) in shown


def test_no_output_holds_a_secret(tmp_path: Path) -> None:
    deployment = healthy(tmp_path / "old", "2023-kong")

    result = run(str(tmp_path / "old"), "--report", str(tmp_path / "report.md"))

    shown = result.stdout + result.stderr + (tmp_path / "report.md").read_text()
    keys = deployment.keys
    for secret in (keys.jwt_secret, keys.anon, keys.service_role):
        assert secret not in shown
    assert not list((tmp_path / "old").glob(".keyturn*"))


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    assert run(str(tmp_path / "nothing")).exit_code == 2


def test_text_says_who_was_refused_and_why() -> None:
    shown = text(report(), "Rehearsal")
    assert "refused 1 × a user reads (HS256 user token) at rest: 401 PGRST301" in shown
    assert "because" in shown
    assert "accepted 1 × legacy key at storage, past the gateway" in shown
    assert "requests refused: 1 of 2; forged credentials accepted: 1 of 1" in shown


def test_markdown_keeps_what_services_said_as_text() -> None:
    shown = markdown({"keyturn": report()})
    assert "<b>" not in shown.replace("\\<b\\>", "")
    assert "Phase 1 \\| \\*all\\* verify" in shown
    assert "| auth | Keyturn's own | auth 2.196.0 |" in shown


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "bars"), [(Terminal(), True), (io.StringIO(), False)])
def test_bars_are_for_terminals_only(stream: io.StringIO, bars: bool) -> None:
    first, second = report().phases
    progress = Progress(stream)
    progress(Moment(first, 0.5, "recreate auth"))
    progress(Moment(second, 0.1))
    progress.close()

    shown = stream.getvalue()
    assert ("█" in shown) is bars
    assert ("recreate auth" in shown) is bars
    assert "before" in shown
    assert "RED" in shown
