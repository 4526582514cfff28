"""One owner per embedded cluster, by a kernel lock that dies with its holder."""

from __future__ import annotations

from pathlib import Path

from keyturn.adapters.folder_lock import FolderLock, holder
from keyturn.adapters.postgres.errors import ClusterInUse


class Ownership:
    """The lock of a cluster's folder."""

    def __init__(self, path: Path) -> None:
        """``path`` is the lock file; its folder must exist when the lock is taken."""
        self._path = path
        self._lock = FolderLock(path)
        self._held = False

    def take(self) -> None:
        """Take the lock or raise :class:`ClusterInUse` naming the owner's process id."""
        if self._held:
            return
        if not self._lock.acquire():
            owner = holder(self._path)
            raise ClusterInUse(
                f"The database in {self._path.parent} is owned by process "
                f"{owner.pid if owner else 'unknown'}.",
                hint="Stop that process (keyturn down), or choose another data directory.",
            )
        self._held = True

    def release(self) -> None:
        """Give the lock up; the file stays, because removing it would race with a new owner."""
        self._lock.release()
        self._held = False
