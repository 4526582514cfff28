"""Which format a line of an access log is in: each is tried by how the line begins.

``docker compose logs`` puts the container's name before each line and, with ``-t``, a time;
Docker's own files wrap each line in ``{"log": …, "stream": …}``.
"""

from __future__ import annotations

import re
from typing import Final

from keyturn.doctor import access_log_json, access_log_text
from keyturn.doctor.access_log_line import Line

_COMPOSE_PREFIX: Final = re.compile(r"[\w.-]+ +\| (?:\d{4}-\d\d-\d\dT[\d:.]+Z )?")


def parse(text: str) -> Line | None:
    """Return what ``text`` says, None when it is no line of a format that Keyturn knows."""
    if prefix := _COMPOSE_PREFIX.match(text):
        text = text[prefix.end() :]
    if not text.startswith("{"):
        return access_log_text.parse(text)
    members = access_log_json.read_object(text)
    if members is None:
        return None
    wrapped = members.get("log")
    if isinstance(wrapped, str) and "stream" in members:
        return None if wrapped.startswith('{"log"') else parse(wrapped)
    return access_log_json.parse(members)
