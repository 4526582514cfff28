"""What `keyturn up` is told and tells; light, because `up --detach` needs no more than this."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from keyturn.adapters.folder_lock import holder
from keyturn.errors import Conflict, KeyturnError, UsageError
from keyturn.wiring.local_keys import NAMES
from keyturn.wiring.locations import Locations, read_state

DEFAULT_PORT: Final = 8000


@dataclass(frozen=True)
class UpOptions:
    """What the command line says."""

    data_dir: str | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    auth_workers: int = 1
    upstreams: Mapping[str, str] = field(default_factory=dict)
    """Service → URL for those that are not ours: ``rest``, ``realtime``, ``storage``, …"""
    database_url_file: str | None = None
    jwt_secret_file: str | None = None
    trusted_hops: int = 0
    """Proxies in front of the gateway whose ``X-Forwarded-*`` headers are believed."""
    console_origin: str | None = None
    """Where the console is reached from elsewhere; None: on this machine only."""


class AlreadyRunning(Conflict):
    """A stack runs in this data folder already."""

    code = "already_running"


class Interrupted(KeyturnError):
    """The start was interrupted; nothing is left running."""

    code = "interrupted"


@dataclass(frozen=True)
class Ready:
    """What a person or a script needs once everything answers; ``repr`` shows no secret."""

    api_url: str
    jwks_url: str
    console_url: str
    data_dir: str
    pid: int
    seconds: float
    database_url: str = field(repr=False)
    keys: dict[str, str] = field(repr=False)
    console_link: str = field(repr=False)
    """Signs in to the console, once, within ten minutes."""
    warnings: tuple[str, ...] = ()
    """Settings that change nothing: misspelt ones first."""

    def as_json(self) -> dict[str, Any]:
        """Return the one JSON object of `up --json`; a key that is not known here is null."""
        always: dict[str, Any] = {name: self.keys.get(name) for name in NAMES[:2]}
        legacy: dict[str, Any] = {name: self.keys[name] for name in NAMES[2:] if name in self.keys}
        return {
            "api_url": self.api_url,
            "jwks_url": self.jwks_url,
            **always,
            "console_url": self.console_url,
            "console_link": self.console_link,
            "database_url": self.database_url,
            **legacy,
            "data_dir": self.data_dir,
            "pid": self.pid,
            "seconds": round(self.seconds, 3),
            "warnings": list(self.warnings),
        }


def already_running(where: Locations) -> AlreadyRunning:
    """Return the error that explains a second `up` on the same folder."""
    held = holder(where.lock)
    with contextlib.suppress(KeyturnError):
        state = read_state(where)
        if state is not None:
            return AlreadyRunning(
                f"keyturn up already runs on {where.root}: pid {state.pid}, {state.api_url}.",
                hint=f"Look at it with `keyturn status`, stop it with `keyturn down --data-dir "
                f"{where.root}`, or choose another folder with --data-dir.",
            )
    who = f"pid {held.pid}" if held else "another process"
    return AlreadyRunning(
        f"keyturn up is just starting or stopping on {where.root} ({who}).",
        hint=f"Wait a moment, or stop it with `keyturn down --data-dir {where.root}`.",
    )


def make_folder(where: Locations) -> None:
    """Make the data folder (0700) when it is missing; raises ``UsageError`` when it cannot be."""
    try:
        where.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(where.root, os.W_OK | os.X_OK):
            raise PermissionError(13, "it is not writable")
    except OSError as problem:
        raise UsageError(
            f"The data folder {where.root} cannot be used: {problem.strerror}.",
            hint="Choose another one with --data-dir.",
        ) from problem
