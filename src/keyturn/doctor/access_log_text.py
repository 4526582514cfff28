r"""Access logs in plain text: nginx's combined format, as Kong writes it, and Envoy's default.

nginx: ``addr - user [25/Nov/2026:12:00:00 +0000] "GET /x HTTP/1.1" 200 5 "referer" "agent"``.
Kong 3 adds ``kong_request_id: "…"`` behind. Envoy (access log docs, default format string):
``[2026-11-25T12:00:00.000Z] "GET /x HTTP/1.1" 200 - 0 5 3 2 "x-forwarded-for" "agent" "id"
"authority" "upstream"``; a version with ``%RESPONSE_CODE_DETAILS%`` has more words before the
quotes.
"""

from __future__ import annotations

import re
from typing import Final

from keyturn.doctor.access_log_line import Line, any_time, common_time, line

_QUOTED: Final = r'"((?:[^"\\]|\\.)*)"'
_REQUEST: Final = r'"[A-Z]{3,10} (\S+)[^"]*"'
_COMBINED: Final = re.compile(
    rf"(\S+) \S+ [^\[]{{0,80}}\[([^\]]+)\] {_REQUEST} (\d{{3}}) \S+(?: {_QUOTED} {_QUOTED})?"
)
_ENVOY: Final = re.compile(rf"\[([0-9T:.+Z-]+)\] {_REQUEST} (\d{{3}}) ([^\n]*)")
_STRING: Final = re.compile(_QUOTED)
_ENVOY_STRINGS: Final = 5
"""X-Forwarded-For, user agent, request id, authority, upstream: the last ones of a line."""


def parse(text: str) -> Line | None:
    """Return what ``text`` says, None when it is in neither format."""
    return _envoy(text) if text.startswith("[") else _combined(text)


def _combined(text: str) -> Line | None:
    found = _COMBINED.match(text)
    if found is None:
        return None
    address, time, target, status, _referer, agent = found.groups()
    return line(common_time(time), address, agent or "-", target, int(status))


def _envoy(text: str) -> Line | None:
    found = _ENVOY.match(text)
    strings = _STRING.findall(found[4])[-_ENVOY_STRINGS:] if found else []
    if found is None or len(strings) < _ENVOY_STRINGS:
        return None
    client = strings[0].split(",")[0].strip()
    return line(any_time(found[1]), client, strings[1], found[2], int(found[3]))
