"""Values as words: states, moments, lengths of time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from keyturn.keyring.states import KeyState

# The words that hosted Supabase shows its users, in the order in which they matter.
STATE_WORDS: Final = {
    KeyState.IN_USE: "In use",
    KeyState.STANDBY: "Standby",
    KeyState.PREVIOUSLY_USED: "Previously used",
    KeyState.REVOKED: "Revoked",
}


def clock(moment: datetime) -> str:
    """Return ``moment`` for people: date and minute, UTC."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def ago(length: timedelta) -> str:
    """Return a length of time in its largest whole unit: "3 minutes", "1 day"."""
    seconds = max(0, int(length.total_seconds()))
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count = seconds // size
        if count:
            return f"{count} {name}" + ("" if count == 1 else "s")
    return "less than a second"


def left(length: timedelta) -> str:
    """Return a length of time that runs out, in two units at most: "1 hour 59 minutes".

    Seconds count in the last ten minutes only.
    """
    seconds = max(0, int(length.total_seconds()))
    units = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    first = next((place for place, (size, _) in enumerate(units) if seconds >= size), 3)
    shown = units[first : first + 2] if seconds < 600 or first < 2 else units[first : first + 1]
    parts = []
    for size, name in shown:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(count(number, name))
    return " ".join(parts) or ago(length)


def count(number: int, noun: str) -> str:
    """Return "1 key", "2 keys"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


# The first that fits names the program; others call themselves by its name as well.
_PROGRAMS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
_FIRST_WORD: Final = re.compile(r"[\w.-]{1,40}")


def agent(text: str | None) -> str:
    """Return a user agent as a person would say it: "Firefox on Linux", "python-httpx"."""
    if not text:
        return "unknown program"
    program = next((name for mark, name in _PROGRAMS if f"{mark}/" in text), None)
    if program is None:
        first = _FIRST_WORD.match(text)
        return first[0] if first else "unknown program"
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    return f"{program} on {system}" if system else program
