"""``.keyturn/`` beside the compose file: journal, waiting contents, backups, and the lock.

::

    .keyturn/            0700
        .gitignore       *, so that nobody commits backups
        journal.jsonl    0600, appended and synced line by line
        lock             flock, dropped by the kernel when its holder dies
        plans/PLAN/ID    0600, new content of command ID until the plan has run
        runs/RUN/ID      0600, old content of command ID
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keyturn.adapters.files import sync_folder, write_private
from keyturn.adapters.folder_lock import FolderLock, holder
from keyturn.flows.ports.apply import CannotWrite, Locked
from keyturn.migrate.journal import Record, line, parse, whole_lines
from keyturn.secret import Secret
from keyturn.secret_access import reveal

FOLDER: Final = ".keyturn"
_PRIVATE: Final = 0o600


class JournalFile:
    """The :class:`~keyturn.flows.ports.apply.JournalStore` of one deployment."""

    def __init__(self, deployment: Path) -> None:
        """``deployment`` is the folder of the compose files; made is only what is needed."""
        self._folder = deployment / FOLDER
        self._journal = self._folder / "journal.jsonl"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the deployment; raises :class:`Locked` with the process that holds it."""
        lock = FolderLock(self._folder / "lock")
        try:
            self.make()
            acquired = lock.acquire()
        except OSError as problem:
            raise _refusal("written", problem) from problem
        if not acquired:
            found = holder(self._folder / "lock")
            who = f" (process {found.pid})" if found and found.pid else ""
            raise Locked(f"Another Keyturn is changing this deployment{who}.")
        try:
            yield
        finally:
            lock.release()

    def records(self) -> Sequence[Record]:
        """Return the journal; empty when there is none."""
        try:
            return parse(self._journal.read_bytes())
        except FileNotFoundError:
            return ()
        except OSError as problem:
            raise _refusal("read", problem) from problem

    def append(self, record: Record) -> None:
        """Add one line and sync it; what a crash left of a cut line goes first."""
        try:
            self.make()
            is_new = not self._journal.exists()
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._journal, flags, _PRIVATE)
            try:
                self._append(descriptor, line(record))
            finally:
                os.close(descriptor)
            if is_new:
                sync_folder(self._folder)
        except OSError as problem:
            raise _refusal("written", problem) from problem

    def stage(self, plan: str, command: str, content: Secret) -> None:
        """Keep a new content."""
        self._keep("plans", plan, command, content)

    def staged(self, plan: str, command: str, sha256: str) -> Secret | None:
        """Return a new content, None unless it is there and has this checksum."""
        return self._kept("plans", plan, command, sha256)

    def discard_staged(self, plan: str | None = None) -> None:
        """Delete the new contents of one plan, or of all."""
        folder = self._folder / "plans"
        shutil.rmtree(folder / plan if plan is not None else folder, ignore_errors=True)

    def back_up(self, run: str, command: str, content: Secret) -> None:
        """Keep an old content."""
        self._keep("runs", run, command, content)

    def backup(self, run: str, command: str, sha256: str) -> Secret | None:
        """Return an old content, None unless it is there and has this checksum."""
        return self._kept("runs", run, command, sha256)

    def discard_backups(self, run: str) -> None:
        """Delete the old contents of a run."""
        shutil.rmtree(self._folder / "runs" / run, ignore_errors=True)

    def make(self) -> None:
        """Make the folder when it is not there, closed to everybody else and to git."""
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700)
            sync_folder(self._folder.parent)
        # The mask of the process, or a copy, may have opened it.
        self._folder.chmod(0o700)
        ignore = self._folder / ".gitignore"
        if not ignore.exists():
            write_private(ignore, b"*\n")

    def _append(self, descriptor: int, new: bytes) -> None:
        os.fchmod(descriptor, _PRIVATE)
        size = os.fstat(descriptor).st_size
        whole = len(whole_lines(os.pread(descriptor, size, 0))) if size else 0
        if whole != size:
            os.ftruncate(descriptor, whole)
        written = 0
        while written < len(new):
            written += os.pwrite(descriptor, new[written:], whole + written)
        os.fsync(descriptor)

    def _keep(self, kind: str, owner: str, name: str, content: Secret) -> None:
        try:
            self.make()
            folder = self._folder
            for part in (kind, owner):
                folder /= part
                if not folder.is_dir():
                    folder.mkdir(mode=0o700)
                    sync_folder(folder.parent)
            write_private(folder / name, reveal(content))
        except OSError as problem:
            raise _refusal("written", problem) from problem

    def _kept(self, kind: str, owner: str, name: str, sha256: str) -> Secret | None:
        with contextlib.suppress(OSError):
            content = (self._folder / kind / owner / name).read_bytes()
            if hashlib.sha256(content).hexdigest() == sha256:
                return Secret(content)
        return None


def _refusal(what: str, problem: OSError) -> CannotWrite:
    return CannotWrite(
        f"{FOLDER}/ cannot be {what}: {problem.strerror or type(problem).__name__}.",
        hint="Keyturn keeps its journal and its backups there; nothing is changed without it.",
    )
