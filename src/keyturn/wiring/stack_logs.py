"""Where the output of parts goes: one bounded file each, and whoever watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from keyturn.adapters import system
from keyturn.adapters.log_files import BoundedLog
from keyturn.wiring.locations import Locations

OWN_NAME = "up"


class LogBook(logging.Handler):
    """Takes lines of parts and the supervisor's own log records."""

    def __init__(self, where: Locations, show: Callable[[str, str], None]) -> None:
        super().__init__(logging.INFO)
        self._where = where
        self._show = show
        self._files: dict[str, BoundedLog] = {}
        self._waiting: dict[str, list[str]] = {}
        self._loop = asyncio.get_running_loop()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def line(self, name: str, text: str) -> None:
        """Keep one line of part ``name`` and show it; lines that come together are written once."""
        waiting = self._waiting.setdefault(name, [])
        waiting.append(text)
        if len(waiting) == 1:
            self._loop.call_soon(self._write, name)
        with contextlib.suppress(OSError):  # the terminal went away
            self._show(name, text)

    def _write(self, name: str) -> None:
        """Write what waits; a full disk costs lines, never a running part."""
        lines = self._waiting.pop(name, [])
        if not lines:
            return
        with contextlib.suppress(OSError):
            if name not in self._files:
                self._files[name] = BoundedLog(self._where.logs / f"{name}.log")
            self._files[name].write(*lines)

    def note(self, text: str) -> None:
        """Keep and show a line of our own, with the time."""
        self.line(OWN_NAME, f"{system.now():%Y-%m-%dT%H:%M:%SZ} {text}")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of this process, from whatever thread it comes."""
        self._loop.call_soon_threadsafe(self.note, self.format(record))

    def open(self) -> None:
        """Take the records of Keyturn's own loggers from now on."""
        logger = logging.getLogger("keyturn")
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def close(self) -> None:
        """Stop taking records, write what waits and close the files."""
        logging.getLogger("keyturn").removeHandler(self)
        for name in list(self._waiting):
            self._write(name)
        for file in self._files.values():
            file.close()
        self._files.clear()
        super().close()
