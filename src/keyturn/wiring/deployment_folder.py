"""Which folder and which files a command line means, for every command that reads a deployment."""

from __future__ import annotations

import os
from pathlib import Path

from keyturn.deploy.source import Ask
from keyturn.errors import UsageError


def deployment_of(
    folder: str,
    files: tuple[str, ...] = (),
    env_files: tuple[str, ...] = (),
    profiles: tuple[str, ...] = (),
) -> tuple[Path, Ask]:
    """Return the folder and what to read there; a file instead of a folder is the ``-f`` of it.

    Raises ``UsageError`` when there is no such folder.
    """
    path = Path(folder)
    if path.is_file():
        files = (path.name, *files)
        path = path.parent
    if not path.is_dir():
        raise UsageError(
            f"{folder} is no folder.",
            hint="Give the folder that holds docker-compose.yml and .env.",
        )
    ask = Ask(
        files=tuple(_from_folder(path, one) for one in files),
        env_files=tuple(_from_folder(path, one) for one in env_files),
        environment=dict(os.environ),
        profiles=profiles,
    )
    return path, ask


def _from_folder(folder: Path, named: str) -> str:
    """Return ``named`` as seen from ``folder``; what is not there is taken from where we stand."""
    if Path(named).is_absolute() or (folder / named).exists() or not Path(named).exists():
        return named
    return Path(os.path.relpath(named, folder)).as_posix()
