"""Starts this program again in the background, and hears from it once through a pipe."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Background:
    """A process of its own session, and the pipe on which it reports."""

    process: subprocess.Popen[bytes]
    report: IO[bytes]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def wait_for_report(self) -> bytes:
        """Return all that it wrote until it closed the pipe; empty when it died without a word."""
        with self.report:
            return self.report.read()

    def leave(self) -> None:
        """Let it live on: Popen must not complain that nobody waited for it."""
        self.process.returncode = 0

    def wait_until_ended(self, seconds: float) -> None:
        """Wait for its end, ``seconds`` at most."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)


def start_in_background(arguments: Sequence[str], log: Path) -> Background:
    """Run ``keyturn ARGUMENTS --ready-fd N`` in a new session, its output going to ``log``."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    reading, writing = os.pipe()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "keyturn", *arguments, "--ready-fd", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(writing,),
            start_new_session=True,
        )
    finally:
        os.close(writing)
        os.close(output)
    return Background(process, os.fdopen(reading, "rb"))


def report(descriptor: int, content: bytes) -> None:
    """Write ``content`` to the pipe that we were given, and close it."""
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
