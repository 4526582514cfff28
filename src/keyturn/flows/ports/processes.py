"""A child process as a value: what to run, as whom, how to stop it; and the port that runs it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from keyturn.errors import KeyturnError


@dataclass(frozen=True)
class Command:
    """One process to run; ``argv`` never holds a secret, and ``env`` is not in ``repr``."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    user: str | None = None
    """Run as this user when the caller is root."""
    grace: float = 10.0
    """Seconds between the stop signal and SIGKILL."""

    def __repr__(self) -> str:
        return f"Command({self.name!r}, {self.argv[0]!r} …)"


class Child(Protocol):
    """One running child process."""

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its process group."""

    async def wait(self) -> int:
        """Return its exit code once it has ended; negative is the signal that killed it."""

    async def stop(self) -> int:
        """Send its stop signal, after its grace SIGKILL to its group; return the exit code."""


class Launcher(Protocol):
    """Starts children that never outlive this process."""

    async def spawn(self, command: Command, on_line: Callable[[str], None]) -> Child:
        """Start ``command``; each line of its stdout and stderr goes to ``on_line``.

        Raises :class:`CannotStart` when the program does not exist or may not be run.
        """


class CannotStart(KeyturnError):
    """A program could not be started."""

    code = "cannot_start"


def describe_exit(code: int) -> str:
    """Return how a process ended, for people: "exited with code 3", "was killed by SIGKILL"."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
