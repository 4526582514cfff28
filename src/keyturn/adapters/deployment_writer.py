"""A user's deployment on disk, for changing: one file at a time, whole or not at all.

A new file appears under its final name by rename, after its bytes, mode, owner and attributes are
on disk; the temporary file has a fixed name, so that the next run recognises and removes what a
crash left. A symbolic link stays one: the file it points to is replaced.

A file that a running container has mounted by itself must keep its inode, so it cannot be replaced
by rename (``in_place``). Its new content is put beside it first, whole and on disk; from that
moment it counts as the file's content, and the next run finishes what a crash interrupted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from keyturn.adapters.files import sync_folder
from keyturn.flows.ports.apply import CannotWrite
from keyturn.migrate.commands import Stamp
from keyturn.secret import Secret
from keyturn.secret_access import reveal

_NEW_MODE: Final = 0o600
_OWNER: Final = "Run Keyturn as the owner of the file, or with sudo."
_PATTERN: Final = ".{name}.keyturn-new"
_PENDING: Final = ".{name}.keyturn-now"


class DeploymentWriter:
    """The :class:`~keyturn.flows.ports.apply.DeploymentFiles` of one folder."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is where the compose files stand."""
        self._folder = folder

    def stamp(self, path: str) -> Stamp | None:
        """Return checksum and mode, None when there is no such file.

        Raises :class:`CannotWrite` when it is there and cannot be read.
        """
        target = self._target(path)
        try:
            source = _pending_or(target)
            content, mode = source.read_bytes(), stat.S_IMODE(source.stat().st_mode)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise _refusal(path, f"cannot be read: {problem.strerror}") from problem
        return Stamp(hashlib.sha256(content).hexdigest(), mode)

    def read(self, path: str) -> Secret:
        """Return the bytes."""
        try:
            return Secret(_pending_or(self._target(path)).read_bytes())
        except OSError as problem:
            raise _refusal(path, f"cannot be read: {problem.strerror}") from problem

    def check_writable(self, path: str) -> None:
        """Raise :class:`CannotWrite` when the file or its folder is read-only, or is no file.

        The permission bits count also for root, who could write anyway: somebody set them.
        """
        target = self._target(path)
        if target.exists() and not target.is_file():
            raise _refusal(path, "is not a regular file", "Move it away, then try again.")
        if target.exists() and target.stat().st_mode & 0o222 and not os.access(target, os.W_OK):
            raise _refusal(path, "may not be written by this user", _OWNER)
        if target.exists() and not _writable(target):
            raise _refusal(path, "is read-only", f"Run `chmod u+w {path}` if it may change.")
        folder = _existing(target.parent)
        if not folder.is_dir() or not _writable(folder):
            raise _refusal(path, "stands in a read-only folder", "Make the folder writable.")
        self._check_owner(path, target)

    def write(
        self, path: str, content: Secret, mode: int | None, *, in_place: bool = False
    ) -> None:
        """Replace or create the file; nothing is left behind when it does not work.

        ``in_place``: the file that is there keeps its inode.
        """
        target = self._target(path)
        temporary = _temporary(target)
        try:
            _make_folders(target.parent)
            old = target.stat() if target.exists() else None
            bits = (stat.S_IMODE(old.st_mode) if old else _NEW_MODE) if mode is None else mode
            self._fill(temporary, reveal(content), bits, target if old else None)
            temporary.replace(_pending(target) if old and in_place else target)
            sync_folder(target.parent)
            _finish(target)
        except OSError as problem:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            reason = problem.strerror or type(problem).__name__
            raise _refusal(path, f"could not be written: {reason}") from problem

    def remove(self, path: str) -> None:
        """Delete the file."""
        target = self._target(path)
        try:
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                sync_folder(target.parent)
        except OSError as problem:
            raise _refusal(path, f"could not be deleted: {problem.strerror}") from problem

    def tidy(self, path: str) -> None:
        """Delete the temporary file of an interrupted write; finish one that was on disk.

        Raises :class:`CannotWrite` when that cannot be done.
        """
        target = self._target(path)
        with contextlib.suppress(OSError):
            _temporary(target).unlink(missing_ok=True)
        try:
            _finish(target)
        except OSError as problem:
            raise _refusal(path, f"could not be written: {problem.strerror}") from problem

    def _target(self, path: str) -> Path:
        return Path(os.path.realpath(self._folder / path))

    def _fill(self, temporary: Path, content: bytes, mode: int, like: Path | None) -> None:
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, _NEW_MODE)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            if like is not None:
                _keep_owner(stream.fileno(), like)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())

    def _check_owner(self, path: str, target: Path) -> None:
        """Refuse where the new file would belong to somebody else than the old one."""
        if not target.exists() or os.geteuid() == 0:
            return
        owner, groups = target.stat(), {os.getegid(), *os.getgroups()}
        if owner.st_uid != os.geteuid() or owner.st_gid not in groups:
            raise _refusal(
                path,
                "belongs to another user, and would not after it was replaced",
                _OWNER,
            )


def _keep_owner(descriptor: int, like: Path) -> None:
    old, new = like.stat(), os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    if not hasattr(os, "listxattr"):
        return
    # Access lists and SELinux labels; a file system without them has nothing to keep.
    with contextlib.suppress(OSError):
        for name in os.listxattr(like):
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(like, name))


def _writable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o222) and os.access(path, os.W_OK)


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _make_folders(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        sync_folder(folder.parent)


def _temporary(target: Path) -> Path:
    return target.with_name(_PATTERN.format(name=target.name))


def _pending(target: Path) -> Path:
    return target.with_name(_PENDING.format(name=target.name))


def _pending_or(target: Path) -> Path:
    """Return where the content of ``target`` stands: beside it, while it is being written."""
    pending = _pending(target)
    return pending if pending.exists() else target


def _finish(target: Path) -> None:
    """Put what waits beside ``target`` into it, keeping its inode; nothing waits: do nothing."""
    pending = _pending(target)
    if not pending.exists():
        return
    content, mode = pending.read_bytes(), stat.S_IMODE(pending.stat().st_mode)
    with target.open("r+b") as stream:
        stream.write(content)
        stream.truncate()
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
    pending.unlink()
    sync_folder(target.parent)


def _refusal(path: str, problem: str, hint: str | None = None) -> CannotWrite:
    return CannotWrite(f"{path} {problem}.", hint=hint)
