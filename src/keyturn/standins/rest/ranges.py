"""The ``Range`` request header and the ``Content-Range`` answer (RFC 9110 §14, unit ``items``)."""

from __future__ import annotations

import re
from dataclasses import replace

from keyturn.standins.rest.errors import range_problem
from keyturn.standins.rest.syntax import Span

_RANGE = re.compile(r"(?:items=)?([0-9]{1,18})-([0-9]{1,18})?")


def header_span(value: str | None) -> Span:
    """Read a ``Range`` header; like PostgREST, what is no range counts as not given.

    Raises PGRST103 when its bounds are crossed.
    """
    found = _RANGE.fullmatch(value.strip()) if value else None
    if found is None:
        return Span()
    first = int(found.group(1))
    if found.group(2) is None:
        return Span(first)
    last = int(found.group(2))
    if last < first:
        raise range_problem(
            "The lower boundary must be lower than or equal to the upper boundary "
            "in the Range header."
        )
    return Span(first, last - first + 1)


def intersect(one: Span, other: Span) -> Span:
    """Return the rows that both windows show."""
    offset = max(one.offset, other.offset)
    ends = [span.offset + span.limit for span in (one, other) if span.limit is not None]
    return Span(offset, max(min(ends) - offset, 0) if ends else None)


def capped(span: Span, max_rows: int | None) -> Span:
    """Return ``span`` with at most ``max_rows`` rows (``PGRST_DB_MAX_ROWS``)."""
    if max_rows is None or (span.limit is not None and span.limit <= max_rows):
        return span
    return replace(span, limit=max_rows)


def content_range(offset: int, page: int, total: int | None) -> str:
    """Return the header's value: ``0-9/100``, ``0-9/*`` or ``*/0``."""
    size = "*" if total is None else str(total)
    if page == 0 or total == 0:
        return f"*/{size}"
    return f"{offset}-{offset + page - 1}/{size}"


def read_status(offset: int, page: int, total: int | None) -> int:
    """Return 200 or 206; raises PGRST103 for an offset beyond a counted end."""
    if total is None:
        return 200
    if offset > total:
        raise range_problem(
            f"An offset of {offset} was requested, but there are only {total} rows."
        )
    return 206 if page < total else 200
