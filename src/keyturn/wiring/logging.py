"""Logs: one line per request and per event, JSON for machines, text on a terminal.

Lines go to stderr. Request lines are gathered for a few milliseconds and written together; events
are written at once. A reader that has gone away never stops the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from keyturn.authserver.reporting import RequestLine
from keyturn.clock import Clock

LEVELS: Final = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40}
_GATHER_SECONDS: Final = 0.02
_STDERR: Final = 2

Record = dict[str, object]


def as_json(record: Record) -> bytes:
    """Return one line of JSON."""
    return msgspec.json.encode(record) + b"\n"


def as_text(record: Record) -> bytes:
    """Return one line for people: time, level, message, and the rest as ``name=value``."""
    rest = " ".join(
        f"{name}={value}"
        for name, value in record.items()
        if name not in {"time", "level", "msg"} and value is not None
    )
    time = str(record["time"])[11:19]
    line = f"{time} {str(record['level']).upper():<7} {record['msg']}  {rest}".rstrip()
    # Control characters of a client's making must not reach a terminal.
    return line.encode("unicode_escape" if not line.isprintable() else "utf-8", "replace") + b"\n"


class LineLog:
    """Implements :class:`keyturn.authserver.reporting.Log`."""

    def __init__(
        self,
        render: Callable[[Record], bytes],
        clock: Clock,
        *,
        level: str = "info",
        descriptor: int = _STDERR,
    ) -> None:
        self._render = render
        self._clock = clock
        self._least = LEVELS[level]
        self._descriptor = descriptor
        self._gathered: list[bytes] = []

    def request(self, line: RequestLine) -> None:
        """Write the line of one request, soon."""
        if self._least > LEVELS["info"]:
            return
        record: Record = {
            "time": self._time(),
            "level": "info",
            "msg": "request",
            "method": line.method,
            "route": line.route,
            "status": line.status,
            "duration_ms": round(line.seconds * 1000, 3),
            "request_id": line.request_id,
            "remote_addr": line.ip,
        }
        if line.error_code is not None:
            record["error_code"] = line.error_code
        if not self._gathered:
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self.flush)
        self._gathered.append(self._render(record))

    def event(self, level: str, message: str, facts: Mapping[str, object]) -> None:
        """Write one line now, after what was gathered."""
        if LEVELS[level] < self._least:
            return
        record: Record = {"time": self._time(), "level": level, "msg": message}
        record |= {name: value for name, value in facts.items() if value is not None}
        self._gathered.append(self._render(record))
        self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._gathered = b"".join(self._gathered), []
        with contextlib.suppress(OSError):
            while lines:
                lines = lines[os.write(self._descriptor, lines) :]

    def _time(self) -> str:
        return self._clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Bridge(logging.Handler):
    """Passes the standard library's records on, without their tracebacks' texts."""

    def __init__(self, log: LineLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        facts: Record = {"logger": record.name}
        for name in ("error", "failures"):
            facts[name] = getattr(record, name, None)
        if record.exc_info and record.exc_info[0] is not None:
            facts["error"] = record.exc_info[0].__qualname__
        level = "error" if record.levelno >= logging.ERROR else "warning"
        self._log.event(level, record.getMessage().strip(), facts)


def open_log(clock: Clock, *, level: str, form: str) -> LineLog:
    """Return the log of this process and route the standard library's warnings into it."""
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    log = LineLog(as_text if text else as_json, clock, level=level)
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(log)]
    root.setLevel(logging.WARNING)
    return log
