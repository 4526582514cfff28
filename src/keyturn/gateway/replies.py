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


_TOO_LARGE: Final = 413
_AUTH_CODE: Final = "request_entity_too_large"
_AUTH_MESSAGE: Final = "Request body too large: the limit is 1 MiB"
_NEWER_DATE: Final = "(202[4-9]|20[3-9][0-9]|2[1-9][0-9]{2})-[0-9]{2}-[0-9]{2}"
"""``X-Supabase-Api-Version`` from 2024-01-01 on, as far as a pattern can tell."""


def local_replies() -> dict[str, object]:
    """Return Envoy's ``LocalReplyConfig``: refusals of its own as JSON that browsers may read.

    A body that is too large for Auth is refused as Auth would: clients of GoTrue look for its
    code, in the shape of the API version that they named (gotrue.md §4.1).
    """
    for_auth = [_too_large_for_auth(newer=True), _too_large_for_auth(newer=False)]
    return {"mappers": [*for_auth, *(_mapper(saying) for saying in SAYINGS)]}


def _too_large_for_auth(*, newer: bool) -> dict[str, object]:
    conditions = [_status_is(_TOO_LARGE), _header_is(":path", {"prefix": "/auth/v1/"})]
    headers = {**CORS, "x-sb-error-code": _AUTH_CODE}
    body: dict[str, object]
    if newer:
        conditions.append(
            _header_is("x-supabase-api-version", {"safe_regex": {"regex": _NEWER_DATE}})
        )
        headers["x-supabase-api-version"] = "2024-01-01"
        body = {"code": _AUTH_CODE, "message": _AUTH_MESSAGE}
    else:
        body = {"code": _TOO_LARGE, "error_code": _AUTH_CODE, "msg": _AUTH_MESSAGE}
    return _reply(conditions, headers, body)


def _mapper(saying: Saying) -> dict[str, object]:
    body: dict[str, object] = {"message": saying.message, "hint": saying.hint}
    if saying.status == _UNAVAILABLE:
        body["service"] = "%UPSTREAM_CLUSTER%"
    conditions = [_status_is(saying.status)]
    if saying.flags:
        conditions.append({"response_flag_filter": {"flags": [*saying.flags]}})
    return _reply(conditions, CORS, body)


def _reply(
    conditions: list[dict[str, object]], headers: Mapping[str, str], body: dict[str, object]
) -> dict[str, object]:
    return {
        # Envoy wants at least two conditions.
        "filter": {"and_filter": {"filters": [*conditions, {"not_health_check_filter": {}}]}},
        "headers_to_add": [set_header(name, value) for name, value in headers.items()],
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }


def _status_is(status: int) -> dict[str, object]:
    value = {"default_value": status, "runtime_key": f"keyturn.reply.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _header_is(name: str, match: dict[str, object]) -> dict[str, object]:
    return {"header_filter": {"header": {"name": name, "string_match": match}}}


def set_header(name: str, value: str, *, keep: bool = False) -> dict[str, object]:
    """One ``HeaderValueOption``; ``keep`` leaves a value that is already there."""
    action = "ADD_IF_ABSENT" if keep else "OVERWRITE_IF_EXISTS_OR_ADD"
    return {"header": {"key": name, "value": value}, "append_action": action}
