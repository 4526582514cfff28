"""One request and one response, as the handlers see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from keyturn.profiles.postgrest import Answer
from keyturn.standins.rest.gatekeeper import Caller
from keyturn.standins.rest.preferences import NONE, Preferences

JSON_TYPE: Final = "application/json; charset=utf-8"
READS: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Request:
    """What came in; header names are lower case, repeated ones are joined with commas."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes
    caller: Caller
    schema: str
    preferences: Preferences = NONE

    @property
    def reads(self) -> bool:
        """Whether the method only reads."""
        return self.method in READS


@dataclass(frozen=True, slots=True)
class Response:
    """What goes out."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = field(default=())


def error_response(answer: Answer) -> Response:
    """Return PostgREST's error body for ``answer``."""
    headers = [
        ("Content-Type", JSON_TYPE),
        ("Proxy-Status", f"PostgREST; error={answer.code}"),
        *answer.headers,
    ]
    body = json.dumps(answer.body(), ensure_ascii=False, separators=(",", ":"))
    return Response(answer.status, body.encode("utf-8", "replace"), headers)
