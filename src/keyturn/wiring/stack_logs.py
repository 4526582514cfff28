"""Where the output of parts goes: one bounded file each, and whoever watches."""

from __future__ import annotations

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
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def line(self, name: str, text: str) -> None:
        """Keep one line of part ``name`` and show it.

        A full disk or a terminal that went away costs lines, never a running part.
        """
        with contextlib.suppress(OSError):
            if name not in self._files:
                self._files[name] = BoundedLog(self._where.logs / f"{name}.log")
            self._files[name].write(text)
        with contextlib.suppress(OSError):
            self._show(name, text)

    def note(self, text: str) -> None:
        """Keep and show a line of our own, with the time."""
        self.line(OWN_NAME, f"{system.now():%Y-%m-%dT%H:%M:%SZ} {text}")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of this process."""
        self.note(self.format(record))

    def open(self) -> None:
        """Take the records of Keyturn's own loggers from now on."""
        logger = logging.getLogger("keyturn")
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def close(self) -> None:
        """Stop taking records and close the files."""
        logging.getLogger("keyturn").removeHandler(self)
        for file in self._files.values():
            file.close()
        self._files.clear()
        super().close()
