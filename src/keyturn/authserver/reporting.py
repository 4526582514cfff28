"""What the surface tells about itself: one line per request, and counters.

A line has no token, no e-mail address, no query and no raw path; the route is the table's.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class RequestLine:
    """One answered request; ``seconds`` is what it took."""

    request_id: str
    method: str
    route: str
    status: int
    seconds: float
    ip: str
    error_code: str | None = None


class Log(Protocol):
    """Where lines go; an adapter of wiring adds the time and writes."""

    def request(self, line: RequestLine) -> None:
        """Write the line of one request."""
        ...

    def event(self, level: str, message: str, facts: Mapping[str, object]) -> None:
        """Write anything else; ``level`` is debug, info, warning or error."""
        ...


class Metrics(Protocol):
    """Counters that someone may scrape."""

    def request(self, line: RequestLine) -> None:
        """Count one answered request."""
        ...

    def grant(self, kind: str, outcome: str) -> None:
        """Count one token grant: ``outcome`` is ``ok`` or an error code."""
        ...


def defect(error: BaseException) -> dict[str, object]:
    """Return what may be logged of an unexpected error: its kind and the places it came through.

    Not its text: a driver's message quotes rows, and rows hold addresses and hashes.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__qualname__,
        "code": getattr(error, "code", None),
        "sqlstate": getattr(error, "sqlstate", None),
        "trace": [f"{_short(f.filename)}:{f.lineno} {f.name}" for f in frames[-12:]],
        "cause": type(error.__cause__).__qualname__ if error.__cause__ else None,
    }


def _short(path: str) -> str:
    return "/".join(path.split("/")[-3:])
