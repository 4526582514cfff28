"""Log files that cannot fill a disk: past a size, ``NAME`` becomes ``NAME.1`` and starts anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 5 * 1024 * 1024
_KEPT: Final = 2


class BoundedLog:
    """One part's log; at most ``max_bytes`` times (``kept`` + 1) on disk, mode 0600."""

    def __init__(self, path: Path, *, max_bytes: int = _MAX_BYTES, kept: int = _KEPT) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def write(self, *lines: str) -> None:
        """Append lines; they are in the file (not only in memory) when this returns."""
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        if self._size and self._size + len(data) > self._max_bytes:
            self._rotate()
        os.write(self._descriptor, data)
        self._size += len(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _open(self) -> None:
        self._descriptor = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        self._size = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._kept, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")


def tail(path: Path, lines: int = 20, *, max_bytes: int = 64 * 1024) -> list[str]:
    """Return the last ``lines`` lines of ``path``; empty when there is no such file."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - max_bytes))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]
