"""One line of an access log, whatever the format: the little that a report may use of it.

No path here has a query, and no field holds a credential.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from keyturn.doctor.credential_kind import kind_of
from keyturn.doctor.one_line import one_line

LONGEST_CLIENT: Final = 45
"""An IPv6 address with an IPv4 one in it."""
LONGEST_AGENT: Final = 40
NONE: Final = "none"
"""The request carried no credential, and the format would have told."""

_MONTHS: Final[Mapping[str, int]] = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_COMMON_TIME: Final = re.compile(
    r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)
_NUMBER: Final = re.compile(r"\d{9,13}(\.\d+)?")
_LATEST: Final = 4_102_444_800
"""The year 2100: later numbers are milliseconds or worse."""


@dataclass(frozen=True, slots=True)
class Line:
    """One request as a gateway logged it."""

    time: datetime
    client: str
    agent: str
    path: str
    """Without the query."""
    status: int
    credentials: tuple[str, ...] | None = None
    """Kinds of what it carried (:func:`~keyturn.doctor.credential_kind.kind_of`, or ``none``);
    None: the format does not tell."""
    apikey_only: bool = False
    """It carried a legacy ``apikey`` and no Authorization, and the format tells both."""


def line(
    time: datetime | None,
    client: str,
    agent: str,
    target: str,
    status: int,
    headers: Mapping[str, str] | None = None,
) -> Line | None:
    """Put a line together; None when the time or the target cannot be one.

    ``headers`` holds ``authorization`` and ``apikey`` as logged; None: the format logs no headers.
    """
    path, _, query = target.partition("?")
    if time is None or not 100 <= status <= 599 or not path.startswith("/"):
        return None
    in_address = _apikey_of(query)
    apikey = (headers or {}).get("apikey") or in_address
    authorization = (headers or {}).get("authorization")
    return Line(
        time=time,
        client=_short(client.removeprefix("::ffff:"), LONGEST_CLIENT),
        agent=_short(agent, LONGEST_AGENT),
        path=path,
        status=status,
        credentials=_carried(apikey, authorization, tells=headers is not None),
        apikey_only=headers is not None
        and authorization is None
        and apikey is not None
        and kind_of(apikey).endswith("legacy"),
    )


@lru_cache(maxsize=256)
def common_time(text: str) -> datetime | None:
    """Read ``25/Nov/2026:12:00:00 +0000``, the time of the common log format."""
    found = _COMMON_TIME.fullmatch(text)
    month = _MONTHS.get(found[2]) if found else None
    if found is None or month is None:
        return None
    offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
    hour, minute, second = int(found[4]), int(found[5]), int(found[6])
    try:
        local = datetime(int(found[3]), month, int(found[1]), hour, minute, second, tzinfo=UTC)
        return local + offset if found[7] == "-" else local - offset
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=256)
def any_time(value: str | float) -> datetime | None:
    """Read ISO 8601, the common log format, or Unix seconds or milliseconds."""
    try:
        if not isinstance(value, str):
            return datetime.fromtimestamp(value / 1000 if value > _LATEST else value, UTC)
        if "/" in value:
            return common_time(value)
        if _NUMBER.fullmatch(value):
            return any_time(float(value))
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=1024)
def _short(text: str, longest: int) -> str:
    """Return ``text`` for the picture: ASCII only, for every column must be one wide."""
    return one_line(text[:500].encode("ascii", "replace").decode("ascii"), longest)


def _apikey_of(query: str) -> str | None:
    if "apikey=" not in query:
        return None
    try:
        pairs = parse_qsl(query, max_num_fields=100)
    except ValueError:
        return None
    return next((value for name, value in pairs if name == "apikey"), None)


def _carried(
    apikey: str | None, authorization: str | None, *, tells: bool
) -> tuple[str, ...] | None:
    if apikey is None and authorization is None:
        return (NONE,) if tells else None
    scheme, _, token = (authorization or "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else None
    # Caddy writes REDACTED for what it will not show.
    texts = {text for text in (apikey, bearer) if text and text != "REDACTED"}
    kinds = tuple(sorted({kind_of(text) for text in texts}))
    return kinds or None
