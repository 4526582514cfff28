"""Real deployments from beside the checkout, and one of each era, by the command line alone.

Where there are no real ones the tests say so; those of our own run everywhere. Each goes as far as
it can, is rotated twice, and is taken back change by change: bytes, modes and links.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli_migrate.conftest import QUIET, Hours, state
from tests.rehearse.real import NAMES, with_secrets
from tests.support.command import Outcome, RunWith
from tests.support.deployments import ERAS, healthy

NO_KEYS = "asymmetric keys need at least"
OLD_GATEWAY = "The gateway knows only the legacy API keys"
OLD_SCRIPT = "this generation knows only the bytes of JWT_SECRET"
CANNOT = {
    "official-2023-01": (1, NO_KEYS),
    "official-2025-04": (3, OLD_GATEWAY),
    "2023-kong": (1, NO_KEYS),
    "2025-kong": (1, OLD_SCRIPT),
}
"""Entry → the phase that is refused there, and why."""
GIVEN = pytest.param(
    "", marks=pytest.mark.skip(reason="no real deployments beside the checkout"), id="corpus"
)


@dataclass
class Entry:
    """A deployment on its way."""

    name: str
    folder: Path
    run: RunWith
    hours: Hours

    def phase(self, number: int) -> None:
        """Carry out a phase, or see it refused with its reason and without a trace."""
        refused_at, reason = CANNOT.get(self.name, (4, ""))
        before = state(self.folder)
        shown = self.go("migrate", "--phase", str(number), "--dry-run", "--i-know", "a test")
        assert state(self.folder) == before
        if number == refused_at:
            assert (shown.code, reason in shown.err) == (5, True), shown.err
            assert self.go("migrate", *QUIET, "--i-know", "a test").code == 5
            assert state(self.folder) == before
            return
        assert shown.code == 0, shown.err
        done = self.go("migrate", *QUIET, *(("--i-know", "a test") if number == 3 else ()))
        assert done.code in (0, 75), done.err
        if done.code == 75:
            self.hours.pass_by(minutes=21)
            done = self.go("migrate", *QUIET)
            assert done.code == 0, done.err
        assert f"done: Phase {number}" in done.out

    def rotate(self) -> None:
        """Turn the key, after the wait that a rotation without proofs has."""
        self.hours.pass_by(hours=2)
        assert self.go("rotate", *QUIET).code == 75
        self.hours.pass_by(minutes=21)
        done = self.go("rotate", *QUIET)
        assert done.code == 0, done.err

    def go(self, group: str, *options: str) -> Outcome:
        """Run one command on the folder."""
        return self.run(group, str(self.folder), *options)


def opened(name: str, folder: Path, hours: Hours) -> Path:
    """Put the deployment called ``name`` there: a real one, or one of our own."""
    if name in NAMES:
        return with_secrets(name, folder)
    folder.mkdir()
    return healthy(folder, name, asymmetric=False, now=hours.now()).folder


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", [*(NAMES or [GIVEN]), *ERAS])
def test_all_the_way_and_back(name: str, tmp_path: Path, run: RunWith, hours: Hours) -> None:
    entry = Entry(name, opened(name, tmp_path / "deployment", hours), run, hours)
    original, reached = state(entry.folder), CANNOT.get(name, (4, ""))[0] - 1
    stages = [original]
    for number in range(1, min(reached + 1, 3) + 1):
        entry.phase(number)
        hours.pass_by(hours=2)
        if number <= reached:
            stages.append(state(entry.folder))
    if reached >= 2:
        for _ in range(2):
            entry.rotate()
            stages.append(state(entry.folder))
    assert_the_journal_is_in_order(entry)
    for before in reversed(stages[:-1]):
        assert run("migrate", "rollback", str(entry.folder), "--yes").code == 0
        assert state(entry.folder) == before
    assert run("migrate", "rollback", str(entry.folder), "--yes").code == 3


def assert_the_journal_is_in_order(entry: Entry) -> None:
    """No two changes are the same, so each rotation let another key sign; no secret is in it."""
    journal = entry.folder / ".keyturn" / "journal.jsonl"
    if not journal.exists():
        return
    text = journal.read_text()
    titles = [plan["title"] for line in text.splitlines() if (plan := json.loads(line).get("plan"))]
    assert len(titles) == len(set(titles))
    for line in (entry.folder / ".env").read_text().splitlines():
        name, _, value = line.partition("=")
        if name in ("JWT_SECRET", "ANON_KEY", "JWT_KEYS", "SUPABASE_SECRET_KEY") and value:
            assert value not in text, name
