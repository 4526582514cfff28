"""Access logs in JSON: Keyturn's own gateway, Envoy's ``json_format``, Caddy, Kong's file-log.

Envoy's and nginx's members are named by whoever wrote the configuration, so each field is looked
for under the names that are in use. Caddy nests the request and writes ``REDACTED`` for
Authorization, but the ``Apikey`` header as it came; only its kind is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from keyturn.doctor.access_log_line import NONE, Line, any_time, line
from keyturn.profiles.request import CredentialKind

_TIME: Final = (
    "time",
    "start_time",
    "ts",
    "timestamp",
    "@timestamp",
    "time_iso8601",
    "time_local",
    "started_at",
    "msec",
)
_TARGET: Final = (
    "path",
    "request_uri",
    "uri",
    "x_envoy_original_path",
    "x-envoy-original-path",
    "original_path",
    "url",
)
_STATUS: Final = ("status", "response_code", "status_code", "code")
_CLIENT: Final = (
    "client",
    "client_ip",
    "x_forwarded_for",
    "x-forwarded-for",
    "forwarded_for",
    "http_x_forwarded_for",
    "downstream_remote_address",
    "remote_ip",
    "remote_addr",
)
_AGENT: Final = ("user_agent", "user-agent", "http_user_agent", "agent")
_HEADERS: Final = ("authorization", "apikey")
Members = Mapping[str, object]

_decoder: Final = msgspec.json.Decoder(dict[str, object])


def read_object(text: str) -> Members | None:
    """Return the JSON object in ``text``, None when there is none."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return None


def parse(members: Members) -> Line | None:
    """Return what a JSON line says, None when it is no access log line."""
    request = members.get("request")
    if isinstance(request, dict):
        return _nested(members, request)
    if "credential" in members and "request_id" in members:
        return _keyturn(members)
    return _flat(members)


def _flat(members: Members) -> Line | None:
    logged = {name: value for name in _HEADERS if (value := _text(members, name)) is not None}
    tells = any(name in members for name in _HEADERS)
    return line(
        _time(members),
        _first_address(_text(members, *_CLIENT) or "-"),
        _text(members, *_AGENT) or "-",
        _target(members),
        _status(members),
        logged if tells else None,
    )


def _nested(members: Members, request: Members) -> Line | None:
    """Read Caddy's (``request.uri``, ``status``) and Kong's (``request.uri``, ``response``)."""
    headers = _headers(request.get("headers"))
    response = members.get("response")
    return line(
        _time(members),
        _first_address(_text(members, *_CLIENT) or _text(request, *_CLIENT) or "-"),
        headers.get("user-agent", "-"),
        _target(request),
        _status(response if isinstance(response, dict) else members),
        {name: headers[name] for name in _HEADERS if name in headers},
    )


def _keyturn(members: Members) -> Line | None:
    # What Envoy refuses by itself has no path, and nobody looked at its credential.
    shown = {name: value for name, value in members.items() if name not in _HEADERS}
    read = _flat({**shown, "path": members.get("path") or "/"})
    if read is None:
        return None
    return Line(read.time, read.client, read.agent, read.path, read.status, _kinds(members))


def _kinds(members: Members) -> tuple[str, ...] | None:
    """Return what Keyturn's gateway saw: it logs kinds and names, never the credential."""
    if members.get("credential") is None:
        return None
    credential, algorithm, role = (_text(members, n) for n in ("credential", "alg", "role"))
    opaque = CredentialKind.SECRET if role == "service_role" else CredentialKind.PUBLISHABLE
    if credential == "jwt" and algorithm == "HS256":
        return ("HS256: legacy key or user",)
    if credential == "jwt":
        return (f"user {algorithm}" if algorithm in ("ES256", "RS256", "EdDSA") else "other JWT",)
    if credential == "key":
        return (opaque.value,)
    if _text(members, "key"):
        return (f"API key of {'service_role' if role == 'service_role' else 'anon'}",)
    return (NONE,) if credential == "none" else ("other",)


def _headers(value: object) -> dict[str, str]:
    """Return header names in lower case with their first values."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, str] = {}
    for name, given in value.items():
        first = given[0] if isinstance(given, list) and given else given
        if isinstance(first, str):
            found[str(name).lower()] = first
    return found


def _time(members: Members) -> datetime | None:
    for name in _TIME:
        value = members.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return any_time(value)
    return None


def _target(members: Members) -> str:
    found = _text(members, *_TARGET) or ""
    if not found.startswith(("http://", "https://")):
        return found
    try:
        parts = urlsplit(found)
    except ValueError:
        return ""
    return f"{parts.path or '/'}?{parts.query}"


def _status(members: Members) -> int:
    """Return the status, 0 when there is none; some formats write it as text."""
    for name in _STATUS:
        value = members.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
            return int(value)
    return 0


def _first_address(text: str) -> str:
    """Return the first of several addresses, without a port."""
    first = text.split(",")[0].strip()
    host, separator, port = first.rpartition(":")
    if separator and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.strip("[]")
    return first


def _text(members: Members, *names: str) -> str | None:
    """Return the first of ``names`` that is a text and not a dash, which stands for nothing."""
    found = (members.get(name) for name in names)
    return next(
        (value for value in found if isinstance(value, str) and value not in ("", "-")), None
    )
