"""The access log: which fields a line has, and how a line is read back.

No token, no query string, no cookie and no header of the client's choosing gets into a line: the
path comes from the filter without its query, and keys appear by their id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

METADATA: Final = "keyturn"
"""The dynamic-metadata namespace that the filter writes."""


def log_fields() -> dict[str, object]:
    """Return Envoy's ``json_format``; times are UTC, ``ms`` whole milliseconds."""
    return {
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "event": "%ACCESS_LOG_TYPE%",
        "method": "%REQ(:METHOD)%",
        "path": _seen("path"),
        "status": "%RESPONSE_CODE%",
        "ms": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "upstream": "%UPSTREAM_CLUSTER%",
        "flags": "%RESPONSE_FLAGS%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "request_id": "%STREAM_ID%",
        "key": _seen("key"),
        "role": _seen("role"),
        "credential": _seen("credential"),
        "alg": _seen("alg"),
        "kid": _seen("kid"),
    }


def _seen(field: str) -> str:
    return f"%DYNAMIC_METADATA({METADATA}:seen:{field})%"


class Line(msgspec.Struct):
    """What is read back of a line; everything else is for people."""

    time: datetime
    key: str | None = None


_decoder: Final = msgspec.json.Decoder(Line)


def latest_use(lines: Iterable[bytes]) -> Mapping[str, datetime]:
    """Return key id → time of its latest request; a line that cannot be read is passed over."""
    latest: dict[str, datetime] = {}
    for text in lines:
        try:
            line = _decoder.decode(text)
        except msgspec.MsgspecError:
            continue
        if line.key:
            moment = line.time.astimezone(UTC)
            latest[line.key] = max(moment, latest.get(line.key, moment))
    return latest
