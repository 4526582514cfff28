"""Looking at, and stopping, a stack that another process runs."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from keyturn.adapters import system
from keyturn.adapters.folder_lock import Holder, holder
from keyturn.adapters.process_identity import process_identity, send_signal
from keyturn.errors import Conflict, KeyturnError
from keyturn.stack.parts import PartState
from keyturn.wiring.locations import Locations, StackState, locations, read_state

STOP_SECONDS: Final = 40.0
_POLL: Final = 0.02


class NotStopped(KeyturnError):
    """The stack did not stop in time."""

    code = "not_stopped"


@dataclass(frozen=True)
class StackStatus:
    """How the stack of one folder stands."""

    data_dir: str
    running: bool
    state: StackState | None

    @property
    def healthy(self) -> bool:
        """Whether the stack has become ready and all its parts are."""
        if self.state is None:
            return False
        return self.state.ready and all(
            part["state"] == PartState.READY for part in self.state.parts
        )

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The parts, each with how long it has been in its state."""
        if self.state is None:
            return []
        return [{**part, "uptime_seconds": _uptime(part)} for part in self.state.parts]

    def as_json(self) -> dict[str, Any]:
        """Return plain values; no API key is among them."""
        if self.state is None:
            return {"running": self.running, "data_dir": self.data_dir, "parts": []}
        state = self.state
        return {
            "running": True,
            "ready": state.ready,
            "healthy": self.healthy,
            "pid": state.pid,
            "started_at": state.started_at,
            "data_dir": state.data_dir,
            "api_url": state.api_url,
            "jwks_url": state.jwks_url,
            "console_url": state.console_url,
            "database_url": state.database_url,
            "embedded": state.embedded,
            "parts": self.parts,
            "ring": state.ring,
        }


def status_of(data_dir: str | None) -> StackStatus:
    """Return the status of the stack in ``data_dir``; the lock, not the file, says if it runs."""
    where = locations(data_dir)
    if holder(where.lock) is None:
        return StackStatus(str(where.root), False, None)
    return StackStatus(str(where.root), True, read_state(where))


def _uptime(part: dict[str, Any]) -> int | None:
    if part["state"] != PartState.READY:
        return None
    since = datetime.fromisoformat(part["since"])
    return max(0, int((system.now() - since).total_seconds()))


@dataclass(frozen=True)
class Stopped:
    """What `down` did: the pid that was stopped, None when nothing ran."""

    pid: int | None
    seconds: float


def stop_stack(data_dir: str | None) -> Stopped:
    """Stop the stack of ``data_dir`` and wait until it has ended; doing it twice is fine.

    Only the process that holds the folder's lock is signalled, and only when it is still the one
    that wrote its identity there. Raises :class:`NotStopped`.
    """
    where = locations(data_dir)
    began = time.monotonic()
    owner = holder(where.lock)
    if owner is None:
        where.state.unlink(missing_ok=True)
        return Stopped(None, 0.0)
    if process_identity(owner.pid) != owner.identity:
        raise Conflict(
            f"The lock of {where.root} is held, but not by the process that it names "
            f"(pid {owner.pid}).",
            hint="Another tool holds the file up.lock open; nothing was stopped.",
        )
    send_signal(owner.pid, signal.SIGTERM)
    if not _gone(where, owner, began + STOP_SECONDS):
        raise NotStopped(
            f"Pid {owner.pid} has not stopped after {STOP_SECONDS:g} s.",
            hint=f"Its logs are in {where.logs}; `kill -9 {owner.pid}` ends it and its parts.",
        )
    return Stopped(owner.pid, time.monotonic() - began)


def _gone(where: Locations, owner: Holder, deadline: float) -> bool:
    """Wait until the lock is free and the process has ended; a part that hangs is its business."""
    while holder(where.lock) is not None or process_identity(owner.pid) == owner.identity:
        if time.monotonic() > deadline:
            return False
        _pause()
    return True


def _pause() -> None:
    threading.Event().wait(_POLL)
