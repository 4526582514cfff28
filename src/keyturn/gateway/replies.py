"""What the gateway itself says: CORS headers and the JSON bodies of Envoy's own refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ALLOWED_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE, CONNECT"
EXPOSED_HEADERS: Final = (
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, ETag, Link, Location, "
    "Preference-Applied, Range-Unit, Server, Transfer-Encoding, X-Request-Id, "
    "X-Supabase-Api-Version, X-Total-Count, SB-Error-Code, X-Relay-Error, Tus-Extension, "
    "Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Defer-Length, Upload-Length, "
    "Upload-Metadata, Upload-Offset"
)
"""Response headers that browsers let scripts read: those of PostgREST, GoTrue, Storage's resumable
uploads and functions."""

CORS: Final[Mapping[str, str]] = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": EXPOSED_HEADERS,
}

_UNAVAILABLE: Final = 503
_UNREACHABLE: Final = ("UF", "UH", "URX", "UC", "UR", "LR", "NC", "NFCF", "UO", "OM", "DC")


@dataclass(frozen=True)
class Saying:
    """What Envoy says with one status; only with one of ``flags``, where the filter of ours uses
    that status too."""

    status: int
    message: str
    hint: str
    flags: tuple[str, ...] = ()


SAYINGS: Final = (
    Saying(400, "The request is malformed.", "Check its first line and headers.", ("DPE",)),
    Saying(408, "The request took too long to arrive.", "Send it faster."),
    Saying(413, "The request body is too large.", "Send it in smaller parts."),
    Saying(426, "This HTTP version is not served.", "Use HTTP/1.1 or HTTP/2."),
    Saying(431, "The request headers are too large.", "Send fewer or shorter headers."),
    Saying(501, "This transfer coding is not served.", "Send a length or use chunked."),
    Saying(502, "The service behind this route broke off its answer.", "Try again."),
    Saying(
        _UNAVAILABLE,
        "The service behind this route does not answer.",
        "Try again; if it lasts, look at the log of the service named in `service`.",
        flags=_UNREACHABLE,
    ),
    Saying(504, "The service behind this route took too long.", "Try again or ask for less."),
)


def local_replies() -> dict[str, object]:
    """Return Envoy's ``LocalReplyConfig``: refusals of its own as JSON that browsers may read."""
    return {"mappers": [_mapper(saying) for saying in SAYINGS]}


def _mapper(saying: Saying) -> dict[str, object]:
    body: dict[str, object] = {"message": saying.message, "hint": saying.hint}
    if saying.status == _UNAVAILABLE:
        body["service"] = "%UPSTREAM_CLUSTER%"
    return {
        "filter": {"and_filter": {"filters": _conditions(saying)}},
        "headers_to_add": [set_header(name, value) for name, value in CORS.items()],
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }


def _conditions(saying: Saying) -> list[dict[str, object]]:
    value = {"default_value": saying.status, "runtime_key": f"keyturn.reply.{saying.status}"}
    conditions: list[dict[str, object]] = [
        {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}},
        {"not_health_check_filter": {}},
    ]
    if saying.flags:
        conditions.append({"response_flag_filter": {"flags": [*saying.flags]}})
    return conditions


def set_header(name: str, value: str, *, keep: bool = False) -> dict[str, object]:
    """One ``HeaderValueOption``; ``keep`` leaves a value that is already there."""
    action = "ADD_IF_ABSENT" if keep else "OVERWRITE_IF_EXISTS_OR_ADD"
    return {"header": {"key": name, "value": value}, "append_action": action}
