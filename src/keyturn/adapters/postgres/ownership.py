"""One owner per embedded cluster, by a kernel lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from keyturn.adapters.postgres.errors import ClusterInUse


class Ownership:
    """An exclusive ``flock`` on a file that also names the holder's process id."""

    def __init__(self, path: Path) -> None:
        """``path`` is the lock file; its folder must exist when the lock is taken."""
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock or raise :class:`ClusterInUse` naming the owner's process id."""
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise ClusterInUse(
                f"The database in {self._path.parent} is owned by process {owner}.",
                hint="Stop that process (keyturn down), or choose another data directory.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up; the file stays, because removing it would race with a new owner."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
