"""One owner per data folder: ``flock`` on a file that also says who holds it.

The kernel drops the lock when its owner dies, however it dies, so a lock is never stale.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keyturn.adapters.process_identity import process_identity

_ATTEMPTS: Final = 10
_PAUSE: Final = 0.02


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: pid and the identity of that process."""

    pid: int
    identity: str


class FolderLock:
    """An exclusive lock, held until :meth:`release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock and write who we are; False when somebody else holds it.

        It is tried for a moment: :func:`holder` takes the lock for microseconds to see if it can.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_ATTEMPTS):
            if _try_lock(descriptor):
                break
            threading.Event().wait(_PAUSE)
        else:
            os.close(descriptor)
            return False
        pid = os.getpid()
        content = json.dumps({"pid": pid, "identity": process_identity(pid)}).encode()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, content, 0)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def holder(path: Path) -> Holder | None:
    """Return who holds the lock of ``path`` now; None when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _try_lock(descriptor):
            return None
        document = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
        return Holder(int(document.get("pid", 0)), str(document.get("identity")))
    except ValueError:
        return Holder(0, "")
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
