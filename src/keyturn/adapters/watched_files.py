"""Files that were read once, and whether they still read the same."""

from __future__ import annotations

import hashlib

from keyturn.deploy.place import Unreadable
from keyturn.deploy.source import Source


class WatchedSource:
    """A source that remembers what it answered (of contents the hash), to ask the same again."""

    def __init__(self, source: Source) -> None:
        """``source`` is what is asked."""
        self._source = source
        self._contents: dict[str, bytes | None] = {}
        self._exist: dict[str, bool] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._modes: dict[str, int | None] = {}

    def read(self, path: str) -> bytes | None:
        """Return the content of the file, None when there is none; raises :class:`Unreadable`."""
        content = self._source.read(path)
        self._contents[path] = _hash(content)
        return content

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder of that name."""
        self._exist[path] = self._source.exists(path)
        return self._exist[path]

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of what stands in ``folder``, sorted."""
        self._names[folder] = self._source.names(folder)
        return self._names[folder]

    def mode(self, path: str) -> int | None:
        """Return the permission bits of the file, None when there are none to be had."""
        self._modes[path] = self._source.mode(path)
        return self._modes[path]

    def unchanged(self) -> bool:
        """Whether every question that was asked would have the same answer now."""
        source = self._source
        try:
            return (
                all(_hash(source.read(path)) == said for path, said in self._contents.items())
                and all(source.exists(path) == said for path, said in self._exist.items())
                and all(source.names(folder) == said for folder, said in self._names.items())
                and all(source.mode(path) == said for path, said in self._modes.items())
            )
        except Unreadable:
            return False


def _hash(content: bytes | None) -> bytes | None:
    return None if content is None else hashlib.sha256(content).digest()
