"""A user's deployment on disk, for reading only."""

from __future__ import annotations

import stat
from pathlib import Path

from keyturn.deploy.files import MAX_BYTES
from keyturn.deploy.place import Place, Unreadable


class FolderSource:
    """The files of one folder and, where they name them, files beside it."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is where the compose files stand."""
        self.folder = folder

    def _at(self, path: str) -> Path:
        return self.folder / (Path(path).expanduser() if path.startswith("~") else path)

    def read(self, path: str) -> bytes | None:
        """Return the content of a regular file, None when it is not there.

        Of a file that is too large to be configuration only the start is read. Raises
        :class:`Unreadable` for a file that is there and may not be read.
        """
        try:
            target = self._at(path)
            if not target.is_file():
                return None
            with target.open("rb") as stream:
                return stream.read(MAX_BYTES + 1)
        except PermissionError:
            raise Unreadable(
                Place(path, 1),
                "this user may not read the file",
                hint="Run Keyturn as the user who runs Compose.",
                whole=True,
            ) from None
        except (OSError, ValueError, RuntimeError):
            return None

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder of that name."""
        try:
            return (self._at(path)).exists()
        except (OSError, ValueError, RuntimeError):
            return False

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names in ``folder``, sorted; empty when it is no folder or may not be read."""
        try:
            return tuple(sorted(one.name for one in (self._at(folder)).iterdir()))
        except (OSError, ValueError, RuntimeError):
            return ()

    def mode(self, path: str) -> int | None:
        """Return the permission bits of the file, None when they cannot be read."""
        try:
            return stat.S_IMODE((self._at(path)).stat().st_mode)
        except (OSError, ValueError, RuntimeError):
            return None
