"""Children that die with their parent, locks that cannot be stale, logs that cannot fill a disk."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from keyturn.adapters.folder_lock import FolderLock, holder
from keyturn.adapters.log_files import BoundedLog, tail
from keyturn.adapters.process_identity import process_identity, send_signal
from keyturn.stack.log_lines import prefixed

PARENT = """
import asyncio, os, sys
from keyturn.adapters.processes import ProcessLauncher
from keyturn.flows.ports.processes import Command

async def main():
    script = "echo up; exec sleep 60"
    command = Command("c", ("/bin/sh", "-c", script), {"PATH": os.environ["PATH"]})
    up = asyncio.Event()
    child = await ProcessLauncher().spawn(command, lambda line: up.set())
    await up.wait()
    print(child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""

HOLDER = """
import sys, time
from pathlib import Path
from keyturn.adapters.folder_lock import FolderLock
print(FolderLock(Path(sys.argv[1])).acquire(), flush=True)
sys.stdin.read()
"""


def gone(pid: int, seconds: float = 3.0) -> bool:
    """Whether ``pid`` ends within ``seconds``."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if process_identity(pid) is None:
            return True
        pause.wait(0.02)
    return False


def test_a_child_dies_with_a_parent_that_was_killed() -> None:
    """kill -9 of the supervisor leaves nothing running."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert process_identity(child) is not None

    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert gone(child)


def test_the_identity_of_a_process_is_not_its_number() -> None:
    """Two processes differ, one stays the same, and a dead or unknown one has none."""
    child = subprocess.Popen(["/bin/sleep", "60"])
    mine = process_identity(os.getpid())
    assert mine == process_identity(os.getpid())
    assert process_identity(child.pid) not in {None, mine}

    child.kill()
    assert gone(child.pid), "a zombie counts as gone"
    child.wait()
    assert process_identity(2**22 + 1) is None
    assert send_signal(2**22 + 1, signal.SIGTERM) is False


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    """A second owner is refused and learns who the first is; the end of the first frees it."""
    path = tmp_path / "lock"
    assert holder(path) is None
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"

    mine = FolderLock(path)
    assert mine.acquire() is False
    held = holder(path)
    assert held is not None
    assert (held.pid, held.identity) == (process.pid, process_identity(process.pid))

    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert holder(path) is None
    assert mine.acquire() is True
    mine.release()
    assert holder(path) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lock_file_with_nonsense_in_it_is_still_a_lock(tmp_path: Path) -> None:
    """Its content informs; only the kernel's lock decides."""
    path = tmp_path / "lock"
    path.write_text("nonsense")
    assert holder(path) is None
    mine = FolderLock(path)
    assert mine.acquire()
    path.write_text("nonsense")

    held = holder(path)
    assert held is not None
    assert held.pid == 0
    mine.release()


def test_logs_are_bounded_and_private(tmp_path: Path) -> None:
    """However much is written, only the last files remain, and nobody else may read them."""
    log = BoundedLog(tmp_path / "logs" / "x.log", max_bytes=1000, kept=2)
    for number in range(500):
        log.write(f"line {number:04d} of the log")
    log.close()

    files = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert files == ["x.log", "x.log.1", "x.log.2"]
    for path in (tmp_path / "logs").iterdir():
        assert path.stat().st_size <= 1000
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tail(tmp_path / "logs" / "x.log", 2) == [
        "line 0498 of the log",
        "line 0499 of the log",
    ]


def test_a_log_continues_where_it_was(tmp_path: Path) -> None:
    """A restart appends; what was there counts towards the limit."""
    path = tmp_path / "x.log"
    for text in ("first", "second"):
        log = BoundedLog(path)
        log.write(text)
        log.close()

    assert path.read_text() == "first\nsecond\n"
    assert tail(tmp_path / "nothing.log") == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "auth     | plain"),
        ("tab\tkept", "auth     | tab\tkept"),
        ("\x1b[31mred\x07", r"auth     | \x1b[31mred\x07"),
        ("über ✓", "auth     | über ✓"),
        ("a\u202eb", "auth     | a\\u202eb"),
    ],
)
def test_what_is_shown_cannot_drive_a_terminal(line: str, shown: str) -> None:
    """Escape sequences of a client's making are written out."""
    assert prefixed("auth", line) == shown
