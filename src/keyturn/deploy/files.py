"""The files of a deployment while it is being read: what was read is remembered."""

from __future__ import annotations

import hashlib

from keyturn.deploy.inventory import ReadFile
from keyturn.deploy.place import Place, Unreadable
from keyturn.deploy.source import Source, decoded

MAX_BYTES = 4 * 1024 * 1024


class Files:
    """Reads each file once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._content: dict[str, bytes | None] = {}
        self._texts: dict[str, str] = {}
        self.seen: list[ReadFile] = []

    def content(self, path: str) -> bytes | None:
        """Return the bytes of ``path``, None when it cannot be read.

        Raises :class:`Unreadable` for a file that is too large to be configuration.
        """
        if path not in self._content:
            content = self.source.read(path)
            if content is not None and len(content) > MAX_BYTES:
                raise Unreadable(Place(path, 1), "the file is larger than 4 MiB", whole=True)
            self._content[path] = content
            if content is not None:
                digest = hashlib.sha256(content).hexdigest()
                self.seen.append(ReadFile(path, digest, self.source.mode(path)))
        return self._content[path]

    def text(self, path: str) -> str | None:
        """Return the text of ``path``, None when it cannot be read."""
        if path not in self._texts:
            content = self.content(path)
            if content is None:
                return None
            self._texts[path] = decoded(content)
        return self._texts[path]

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder of that name."""
        return self.source.exists(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """Return what stands in ``folder``."""
        return self.source.names(folder)
