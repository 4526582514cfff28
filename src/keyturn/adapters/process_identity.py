"""Recognising a process later, and signalling it; light, because every command may ask."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

_LINUX: Final = sys.platform.startswith("linux")


def send_signal(pid: int, number: signal.Signals | int) -> bool:
    """Send ``number`` to ``pid``; False when there is no such process or it is not ours."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def process_identity(pid: int) -> str | None:
    """Return what tells ``pid`` from a later process with the same number; None when it is gone.

    Linux: boot id and start time in clock ticks (``/proc/PID/stat`` field 22); a zombie is gone.
    Elsewhere only whether the number is taken: callers also hold the lock file's word.
    """
    if not _LINUX:
        return "running" if send_signal(pid, 0) else None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The command name, in brackets, may hold spaces and brackets itself.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else f"{boot}:{fields[18]}"
