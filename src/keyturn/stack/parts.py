"""What a part of the stack is, and how it stands."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from keyturn.errors import KeyturnError
from keyturn.flows.ports.processes import Command


class PartState(enum.StrEnum):
    """The states a person sees in `keyturn status`."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Part:
    """One supervised child process."""

    name: str
    command: Callable[[], Awaitable[Command]]
    """Asked before each start, so that it may prepare folders or pick up changes."""
    ready: Callable[[], Awaitable[bool]]
    """Asked every few milliseconds after a start; may raise OSError while nothing listens."""
    needs: tuple[str, ...] = ()
    """Names of parts or steps that must be ready before this one starts."""
    ready_timeout: float = 60.0


async def _nothing() -> None:
    """Close nothing."""


@dataclass(frozen=True)
class Step:
    """Something done once, in the supervisor itself, between the starts of parts."""

    name: str
    run: Callable[[], Awaitable[None]]
    needs: tuple[str, ...] = ()
    close: Callable[[], Awaitable[None]] = _nothing
    """Undone before what it needs is stopped; called only when ``run`` was begun."""


@dataclass(frozen=True)
class PartStatus:
    """How one part stands now."""

    name: str
    state: PartState
    since: datetime
    """When it entered ``state``."""
    pid: int | None = None
    restarts: int = 0
    last_exit: str | None = None


class PartFailed(KeyturnError):
    """A part of the stack keeps dying."""

    code = "part_failed"

    def __init__(self, name: str, ended: str, why: str, lines: list[str]) -> None:
        """``ended`` says how it ended the last time; ``lines`` are its last log lines."""
        shown = "".join(f"\n    {line}" for line in lines)
        detail = f" Its last lines:{shown}" if lines else " It printed nothing."
        super().__init__(
            f"{name} {ended} and is not started again: {why}.{detail}",
            hint=f"The whole log is in the data folder: logs/{name}.log.",
        )
