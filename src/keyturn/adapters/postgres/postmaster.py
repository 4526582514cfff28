"""What ``postmaster.pid`` says about a server, and what the kernel says about that."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from threading import Event

from keyturn.adapters.files import write_private

_STOP_ORPHAN_SECONDS = 10.0


def running_pid(data: Path) -> int | None:
    """Return the process id of the live server of ``data``, else ``None``.

    On Linux a recycled process id is recognised: a postmaster's working folder is its data.
    """
    lines = _lines(data)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    return pid if _alive(pid) and _works_in(pid, data) else None


def is_ready(data: Path, socket_dir: Path, port: int) -> bool:
    """Tell whether the server of ``data`` accepts connections.

    The file of a killed server still says "ready", so the socket is asked first: a new server
    rewrites the file before it listens.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(socket_dir / f".s.PGSQL.{port}"))
        except OSError:
            return False
    lines = _lines(data)
    return len(lines) >= 8 and lines[7].strip() == "ready"


def stop_orphan(data: Path) -> None:
    """Stop a server that outlived a former owner; only the holder of the lock may call this."""
    pid = running_pid(data)
    if pid is None:
        return
    deadline = time.monotonic() + _STOP_ORPHAN_SECONDS
    number = signal.SIGINT
    pause = Event()
    while running_pid(data) == pid:
        os.kill(pid, number)
        pause.wait(0.05)
        if time.monotonic() > deadline:
            number = signal.SIGQUIT


def release_stale(data: Path) -> None:
    """Let a new server start although the file of a dead one names a process id that is in use.

    After a reboot, or in a container, a small process id soon belongs to somebody else, and an
    orphan that nobody reaps stays a zombie; PostgreSQL takes either for a running server. It does
    not when the file names the parent of the new server, so this writes the caller's id there.
    The rest of the file stays: it leads to the shared memory that the dead one's children may
    still use. Only the holder of the lock may call this, after :func:`stop_orphan`.
    """
    lines = _lines(data)
    if lines and running_pid(data) is None and sys.platform.startswith("linux"):
        path = data / "postmaster.pid"
        owner = path.stat()
        write_private(path, "\n".join([str(os.getpid()), *lines[1:], ""]).encode())
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_in(pid: int, data: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return True
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False
