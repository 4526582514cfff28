"""A copy of the files of a deployment that matter, for trying things out; the original is safe.

Only what the reader reads is copied, so data folders are left alone. Files are copied through
symbolic links; nothing outside the copy can be written.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.flows.ports.apply import CannotWrite
from keyturn.secret import Secret


def copy_files(folder: Path, paths: Iterable[str], target: Path) -> None:
    """Copy ``paths`` of ``folder`` to ``target`` with their modes; those outside stay where they
    are, and are read there. Raises ``OSError``.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in paths:
        inside = _inside(target, path)
        source = folder / path
        if inside is None or not source.is_file():
            continue
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, inside)
        inside.chmod(source.stat().st_mode & 0o777)


def _inside(folder: Path, path: str) -> Path | None:
    found = (folder / path).resolve()
    return found if found.is_relative_to(folder.resolve()) else None


class CopyWriter(DeploymentWriter):
    """The writer of a copy: it refuses every path that leads out of it."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is the copy."""
        super().__init__(folder)
        self.version = 0
        """Grows with every change of a file."""

    def write(
        self, path: str, content: Secret, mode: int | None, *, in_place: bool = False
    ) -> None:
        """Replace or create the file."""
        super().write(path, content, mode, in_place=in_place)
        self.version += 1

    def remove(self, path: str) -> None:
        """Delete the file."""
        super().remove(path)
        self.version += 1

    def _target(self, path: str) -> Path:
        found = super()._target(path)
        if _inside(self._folder, str(found)) is None:
            raise CannotWrite(
                f"{path} stands outside of the deployment's folder, so the rehearsal leaves it.",
                hint="Rehearse a folder that holds all files of the deployment.",
            )
        return found
