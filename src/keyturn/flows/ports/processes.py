"""A child process as a value: what to run, as whom, and how to stop it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass


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
