"""What changing a deployment needs from the outside: its files, the journal, services, probes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from keyturn.clock import Clock
from keyturn.errors import Conflict, KeyturnError, RefusedUnsafe
from keyturn.migrate.commands import Command, Probe, Stamp, Way
from keyturn.migrate.journal import Record
from keyturn.secret import Secret


class CannotWrite(RefusedUnsafe):
    """A file cannot be replaced as it must be; nothing of it was changed."""

    code = "cannot_write"


class ServiceFailed(KeyturnError):
    """A service did not come up, or did not do what it was told."""

    code = "service_failed"


class Locked(Conflict):
    """Another Keyturn is changing this deployment."""

    code = "locked"
    default_hint = "Wait until it is done; a lock never outlives the process that holds it."


class DeploymentFiles(Protocol):
    """The files of one deployment; paths count from its folder. No call leaves half a file."""

    def stamp(self, path: str) -> Stamp | None:
        """Return checksum and mode of the file, None when there is none."""
        ...

    def read(self, path: str) -> Secret:
        """Return the bytes; raises :class:`CannotWrite` when they cannot be had."""
        ...

    def check_writable(self, path: str) -> None:
        """Raise :class:`CannotWrite` with the remedy unless :meth:`write` can work."""
        ...

    def write(
        self, path: str, content: Secret, mode: int | None, *, in_place: bool = False
    ) -> None:
        """Replace or create the file atomically, on disk when it returns; its owner stays.

        ``mode`` None: the mode of the file that is there, 0600 for a new one. ``in_place``: its
        inode stays too, because a running container has it mounted by itself.
        """
        ...

    def remove(self, path: str) -> None:
        """Delete the file; nothing happens when it is not there."""
        ...

    def tidy(self, path: str) -> None:
        """Delete or finish what an interrupted :meth:`write` of this file left behind."""
        ...


class JournalStore(Protocol):
    """``.keyturn/``: the journal, new contents that wait, and backups. All of it 0600 in 0700."""

    def lock(self) -> AbstractContextManager[None]:
        """Hold the deployment for this process; raises :class:`Locked`."""
        ...

    def records(self) -> Sequence[Record]:
        """Return the journal; raises ``DamagedJournal``."""
        ...

    def append(self, record: Record) -> None:
        """Add one line; it is on disk when this returns."""
        ...

    def stage(self, plan: str, command: str, content: Secret) -> None:
        """Keep the new content of a command's file until the plan has run."""
        ...

    def staged(self, plan: str, command: str, sha256: str) -> Secret | None:
        """Return that content, None when it is not there (any more) or is another one."""
        ...

    def discard_staged(self, plan: str | None = None) -> None:
        """Delete the new contents of ``plan``; None: all of them, whose inputs are old now."""
        ...

    def back_up(self, run: str, command: str, content: Secret) -> None:
        """Keep the old content of a command's file; on disk when this returns."""
        ...

    def backup(self, run: str, command: str, sha256: str) -> Secret | None:
        """Return that content, None when it is not there (any more) or is another one."""
        ...

    def discard_backups(self, run: str) -> None:
        """Delete the old contents of a run."""
        ...


class Services(Protocol):
    """Whoever runs the containers."""

    async def check(self) -> None:
        """Raise ``Unreachable`` when it cannot be used at all."""
        ...

    async def recreate(self, service: str) -> None:
        """Create the container anew and return when it is healthy; raises ``ServiceFailed``."""
        ...

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        """Tell the running service; raises ``ServiceFailed``."""
        ...


class Prober(Protocol):
    """Asks the questions of a plan's probes."""

    async def check(self) -> None:
        """Raise ``Unreachable`` when nobody answers, so that nothing could be proven."""
        ...

    async def probe(self, probe: Probe) -> None:
        """Return when the answer is right; raises a ``KeyturnError`` that says what was wrong."""
        ...


class Moment(StrEnum):
    """When progress is told."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"
    RESTORING = "restoring"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that just happened, for a line on the terminal."""

    moment: Moment
    command: Command
    detail: str = ""
    """Why it failed; until when it waits (Unix seconds)."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything together; ``sleep`` takes seconds."""

    files: DeploymentFiles
    journal: JournalStore
    services: Services
    prober: Prober
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    progress: Callable[[Progress], None] = lambda _: None
