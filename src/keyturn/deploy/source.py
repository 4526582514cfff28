"""Where a deployment's files come from, and what the user asked to be read.

Paths are POSIX paths from the deployment's folder (``volumes/api/kong.yml``), or absolute.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Source(Protocol):
    """A folder that can only be looked at."""

    def read(self, path: str) -> bytes | None:
        """Return the content of the file, None when there is none."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder of that name."""
        ...

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of what stands in ``folder``, sorted; empty when it is no folder."""
        ...

    def mode(self, path: str) -> int | None:
        """Return the permission bits of the file, None when there are none to be had."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """What the user would say to Compose: ``-f``, ``--env-file``, ``--profile``, the environment.

    ``environment`` is that of whoever runs Compose; it outranks every env file.
    """

    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    project_directory: str | None = None
    profiles: tuple[str, ...] = ()


def join(folder: str, path: str) -> str:
    """Return ``path`` as seen from where ``folder`` is, tidied; an absolute path stays."""
    tidy = posixpath.normpath(posixpath.join(folder, path.replace("\\", "/")))
    return "" if tidy == "." else tidy


def folder_of(path: str) -> str:
    """Return the folder in which ``path`` stands; empty for the deployment's own."""
    return posixpath.dirname(path)


def decoded(content: bytes) -> str:
    """Return the text of a file; bytes that are no UTF-8 stay as surrogates, one each."""
    return content.decode("utf-8", "surrogateescape")
