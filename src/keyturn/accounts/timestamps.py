"""Times as GoTrue writes them."""

from __future__ import annotations

from datetime import UTC, datetime

_SECONDS = len("2026-11-23T22:14:53")


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with ``Z``; the fraction has no trailing zeros and vanishes at zero."""
    if moment.utcoffset():
        moment = moment.astimezone(UTC)
    text = moment.isoformat()
    if moment.microsecond:
        return text[: _SECONDS + 7].rstrip("0") + "Z"
    return text[:_SECONDS] + "Z"


def optional_rfc3339(moment: datetime | None) -> str | None:
    """Return :func:`rfc3339` of ``moment``, or None."""
    return None if moment is None else rfc3339(moment)
