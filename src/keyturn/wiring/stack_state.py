"""Keeps ``state.json`` true while a stack runs, and reads it for other commands."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Any

from keyturn.adapters import system
from keyturn.adapters.folder_lock import holder
from keyturn.errors import KeyturnError
from keyturn.keyring.ring import KeyRing
from keyturn.secret_access import reveal
from keyturn.stack.parts import PartStatus
from keyturn.wiring.locations import Locations, StackState, read_state, write_state
from keyturn.wiring.stack import LocalStack


class StateFile:
    """Writes the state of one running stack, whenever something changed."""

    def __init__(self, stack: LocalStack, pid: int) -> None:
        self._stack = stack
        self._pid = pid
        self._started_at = system.now()
        self.ready = False

    def write(self) -> None:
        """Write what is true now; nothing before the database's addresses are known."""
        write_state(self._stack.plan.where, self._current())

    def remove(self) -> None:
        """Remove the file: nothing runs any more."""
        self._stack.plan.where.state.unlink(missing_ok=True)

    def _current(self) -> StackState:
        plan = self._stack.plan
        owner = self._stack.database_url("postgres", tcp=True)
        return StackState(
            pid=self._pid,
            started_at=self._started_at.isoformat().replace("+00:00", "Z"),
            ready=self.ready,
            data_dir=str(plan.where.root),
            api_url=plan.api_url,
            jwks_url=plan.jwks_url,
            console_url=plan.console_url,
            database_url=reveal(owner).decode(),
            auth_database_url=reveal(self._stack.database_url("supabase_auth_admin")).decode(),
            embedded=plan.database is None,
            parts=[part_facts(status) for status in self._stack.supervisor.statuses()],
            ring=self._ring(),
        )

    def _ring(self) -> dict[str, Any] | None:
        watcher = self._stack.ring
        if watcher is None:
            return None
        with contextlib.suppress(KeyturnError):
            return ring_facts(watcher.current())
        return None


def part_facts(status: PartStatus) -> dict[str, Any]:
    """Return a part's status as JSON-plain values."""
    facts = asdict(status)
    return {**facts, "since": status.since.isoformat().replace("+00:00", "Z")}


def ring_facts(ring: KeyRing) -> dict[str, Any]:
    """Return the ring without any key material."""
    return {
        "version": ring.version,
        "keys": [
            {"kid": key.kid, "alg": key.alg, "state": key.state.value, "legacy": key.legacy}
            for key in ring.keys
        ],
    }


def running_state(where: Locations) -> StackState | None:
    """Return the state of the stack that runs in this folder now; None when none does."""
    if holder(where.lock) is None:
        return None
    return read_state(where)
