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
from datetime import datetime
from typing import Final

import msgspec

from keyturn.authserver.reporting import RequestLine
from keyturn.clock import Clock

LEVELS: Final = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40}
_GATHER_SECONDS: Final = 0.02
_STDERR: Final = 2
_encode: Final = msgspec.json.Encoder().encode

Record = dict[str, object]


class _RequestRecord(msgspec.Struct, omit_defaults=True):
    """The JSON of a request line, encoded without a detour because it is written so often."""

    time: datetime
    level: str
    msg: str
    method: str
    route: str
    status: int
    duration_ms: float
    request_id: str
    remote_addr: str
    error_code: str | None = None


def as_json(record: Record | _RequestRecord) -> bytes:
    """Return one line of JSON."""
    return _encode(record) + b"\n"


def as_text(found: Record | _RequestRecord) -> bytes:
    """Return one line for people: time, level, message, and the rest as ``name=value``."""
    if not isinstance(found, dict):
        return _request_as_text(found)
    record: Record = found
    rest = " ".join(
        f"{name}={value}"
        for name, value in record.items()
        if name not in {"time", "level", "msg"} and value is not None
    )
    time = str(record["time"])[11:19]
    return _printable(f"{time} {str(record['level']).upper():<7} {record['msg']}  {rest}".rstrip())


def _request_as_text(record: _RequestRecord) -> bytes:
    # Spelt out because every request of a local stack passes here.
    code = f" error_code={record.error_code}" if record.error_code is not None else ""
    time = record.time
    return _printable(
        f"{time.hour:02}:{time.minute:02}:{time.second:02} INFO    request"
        f"  method={record.method} route={record.route} status={record.status}"
        f" duration_ms={record.duration_ms} request_id={record.request_id}"
        f" remote_addr={record.remote_addr}{code}"
    )


def _printable(line: str) -> bytes:
    # Control characters of a client's making must not reach a terminal.
    return line.encode("unicode_escape" if not line.isprintable() else "utf-8", "replace") + b"\n"


class LineLog:
    """Implements :class:`keyturn.authserver.reporting.Log`."""

    def __init__(
        self,
        render: Callable[[Record | _RequestRecord], bytes],
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
        record = _RequestRecord(
            self._clock(),
            "info",
            "request",
            line.method,
            line.route,
            line.status,
            round(line.seconds * 1000, 3),
            line.request_id,
            line.ip,
            line.error_code,
        )
        if not self._gathered:
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self.flush)
        self._gathered.append(self._render(record))

    def event(self, level: str, message: str, facts: Mapping[str, object]) -> None:
        """Write one line now, after what was gathered."""
        if LEVELS[level] < self._least:
            return
        record: Record = {"time": self._clock(), "level": level, "msg": message}
        record |= {name: value for name, value in facts.items() if value is not None}
        self._gathered.append(self._render(record))
        self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._gathered = b"".join(self._gathered), []
        with contextlib.suppress(OSError):
            while lines:
                lines = lines[os.write(self._descriptor, lines) :]


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
    # uvicorn warns about every malformed request: a stranger could fill the disk with it.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return log
