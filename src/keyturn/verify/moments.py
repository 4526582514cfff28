"""Times as people read them; pure, whole seconds, UTC."""

from __future__ import annotations

from keyturn.clock import from_unix

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_SHOWN_UNITS = 2


def moment(seconds: float) -> str:
    """Return ``seconds`` since 1970 as ``2026-11-24 00:10:00 UTC``; they lie before year 10000."""
    return f"{from_unix(int(seconds)):%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """Return a length of time with its two largest units: ``1 h 5 min``; never negative."""
    rest, parts = int(abs(seconds)), list[str]()
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
        if len(parts) == _SHOWN_UNITS:
            break
    return " ".join(parts) or "0 s"


def relation(seconds: float, now: float) -> str:
    """Return where ``seconds`` lies: ``5 min ago``, ``in 55 min`` or ``now``."""
    distance = int(seconds) - int(now)
    if distance == 0:
        return "now"
    return f"in {span(distance)}" if distance > 0 else f"{span(distance)} ago"
