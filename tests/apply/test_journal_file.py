"""The journal's folder: private, synced, and honest about what a crash cut off."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from keyturn.adapters.journal_file import JournalFile
from keyturn.flows.ports.apply import CannotWrite, Locked
from keyturn.migrate.commands import Stamp, Tell
from keyturn.migrate.journal import DamagedJournal, Event, Record, line
from keyturn.migrate.plan import Plan
from keyturn.migrate.run import runs
from keyturn.migrate.stamps import digest
from keyturn.secret import Secret

PLAN = Plan("p", "Phase 1", 1, ("a",), (Tell("01", 0, "Look."),), {".env": "00", "x": None})
RECORDS = (
    Record(Event.BEGIN, "p", 1, plan=PLAN),
    Record(Event.STARTED, "p", 2, "01", before=Stamp("aa", 0o600), after=Stamp("bb")),
    Record(Event.DONE, "p", 3, "01"),
    Record(Event.UNDO, "p", 4, step=0, reason="a „probe“ failed"),
)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in [folder, *folder.rglob("*")]
    }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for record in RECORDS:
        JournalFile(tmp_path).append(record)
    assert tuple(JournalFile(tmp_path).records()) == RECORDS


def test_everything_in_it_is_private(tmp_path: Path) -> None:
    store = JournalFile(tmp_path)
    store.append(RECORDS[0])
    store.stage("p", "01", Secret("new"))
    store.back_up("p", "01", Secret("old"))
    with store.lock():
        found = modes(tmp_path / ".keyturn")
    folders = {".", "plans", "plans/p", "runs", "runs/p"}
    assert found == {name: 0o700 if name in folders else 0o600 for name in found}
    assert {*folders, "journal.jsonl", "lock", "plans/p/01", "runs/p/01"} <= found.keys()
    assert (tmp_path / ".keyturn/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("cut", [1, 2, 20, len(line(RECORDS[3])) - 1, len(line(RECORDS[3]))])
def test_a_line_that_a_crash_cut_does_not_count(tmp_path: Path, cut: int) -> None:
    store = JournalFile(tmp_path)
    for record in RECORDS:
        store.append(record)
    path = tmp_path / ".keyturn/journal.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert tuple(store.records()) == RECORDS[:3]
    store.append(RECORDS[3])
    assert tuple(store.records()) == RECORDS


@pytest.mark.parametrize(
    "bad", [b"{}\n", b"nonsense\n", b'{"v":2,"event":"done","run":"p","at":1}\n', b"[]\n"]
)
def test_a_damaged_line_is_named(tmp_path: Path, bad: bytes) -> None:
    store = JournalFile(tmp_path)
    store.append(RECORDS[0])
    path = tmp_path / ".keyturn/journal.jsonl"
    path.write_bytes(path.read_bytes() + bad + line(RECORDS[1]))
    with pytest.raises(DamagedJournal, match="Line 2"):
        store.records()


def test_a_line_of_a_run_that_never_began_is_damage() -> None:
    with pytest.raises(DamagedJournal):
        runs(RECORDS[1:])
    with pytest.raises(DamagedJournal, match="99"):
        runs([RECORDS[0], Record(Event.DONE, "p", 2, "99")])


def test_two_runs_exclude_each_other(tmp_path: Path) -> None:
    first, second = JournalFile(tmp_path), JournalFile(tmp_path)
    with first.lock(), pytest.raises(Locked, match="process"), second.lock():
        pass
    with second.lock():
        pass


def test_contents_are_given_back_only_whole(tmp_path: Path) -> None:
    store = JournalFile(tmp_path)
    store.stage("p", "01", Secret("new"))
    store.back_up("r", "01", Secret("old"))
    assert store.staged("p", "01", digest(b"new")) == Secret("new")
    assert store.staged("p", "01", digest(b"other")) is None
    assert store.backup("r", "01", digest(b"old")) == Secret("old")
    store.discard_staged()
    store.discard_backups("r")
    assert store.staged("p", "01", digest(b"new")) is None
    assert store.backup("r", "01", digest(b"old")) is None


def test_a_folder_in_which_no_journal_can_be_kept_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".keyturn").write_text("a file in its place")
    store = JournalFile(tmp_path)
    with pytest.raises(CannotWrite, match="cannot be written"), store.lock():
        pass
    with pytest.raises(CannotWrite):
        store.append(RECORDS[0])
    with pytest.raises(CannotWrite):
        store.stage("p", "01", Secret("new"))
