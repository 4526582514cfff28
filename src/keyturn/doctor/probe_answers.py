"""What an answer means: was the credential taken, and who answered, the gateway or the service?

A status alone does not tell. Auth says 403 to a good token of nobody, PostgREST 404 to a good
token that asks for no table, Storage 400 to a bad one; and a catch-all behind the same address
says 200 to everybody. The forms are those of services.md §2 to §8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Kind
from keyturn.doctor.one_line import LONGEST, one_line

_BAD_GATEWAY: Final = (502, 503, 504)
_REFUSALS: Final = (401, 403)
_NOT_FOUND: Final = 404
_SWITCHING: Final = 101
_ENVOY_TEXTS: Final = frozenset(
    {"Unauthorized", "RBAC: access denied", "Invalid API key", "Conflicting API keys"}
)
"""What the official Envoy configuration answers itself, as plain text or as ``message``."""
_GATEWAY_MESSAGES: Final = _ENVOY_TEXTS | {
    "No API key found in request",
    "Invalid authentication credentials",
    "You cannot consume this service",
    "Access is forbidden.",
    "no Route matched with those values",
    "No such API",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: header names in lower case, the body as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    websocket: bool = False
    socket_accepted: str | None = None
    """The ``Sec-WebSocket-Accept`` that a WebSocket server has to answer."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What it means; ``code`` and ``message`` are short and hold no credential."""

    code: str | None
    message: str | None
    accepted: bool | None
    by_gateway: bool | None


_Judge = Callable[[Reply, Mapping[str, object], str], bool | None]


def read(service: Kind, reply: Reply, clean: Callable[[str], str]) -> Reading:
    """Return what ``service`` meant by ``reply``; never raises.

    ``clean`` takes credentials out of a text: a server may answer with what it was sent.
    """
    members = _members(reply.body)
    code, message = (
        found and one_line(found, clean=clean)
        for found in (_code(service, members), _message(reply, members))
    )
    by_gateway = _by_gateway(reply, members)
    if 300 <= reply.status < 400:
        return Reading(None, "it redirects; redirects are not followed", None, by_gateway)
    if by_gateway and reply.status in _REFUSALS:
        return Reading(code, message, False, True)
    accepted: bool | None = None
    if not by_gateway and reply.status not in _BAD_GATEWAY:
        judge = _socket if reply.websocket else _JUDGES[service]
        accepted = judge(reply, members, code or "")
    return Reading(code, message, accepted, by_gateway)


def _auth(reply: Reply, members: Mapping[str, object], code: str) -> bool | None:
    message = _text(members, "msg", "message") or ""
    if reply.status == 200:
        return True if _text(members, "id") and "aud" in members else None
    if code in {"user_not_found", "session_not_found", "user_banned", "session_expired"}:
        return True
    if "missing sub" in message or message.startswith("User "):
        # The signature held: an API key names no user, a canary names one that does not exist.
        return True
    return False if reply.status in _REFUSALS and message else None


def _rest(reply: Reply, _members: Mapping[str, object], code: str) -> bool | None:
    if code.startswith("PGRST3"):
        return False
    if code.startswith("PGRST0"):
        return None  # no connection to the database
    if code == "42501":
        return True  # the role is known; it may not do this
    if reply.status in _REFUSALS:
        return False
    return True if code and reply.status == _NOT_FOUND else None


def _storage(reply: Reply, members: Mapping[str, object], _code: str) -> bool | None:
    if reply.status == 200:
        return True if reply.body.lstrip()[:1] == b"[" else None
    refused = str(members.get("statusCode")) in {"401", "403"} or _text(members, "error") in {
        "Unauthorized",
        "InvalidJWT",
        "Invalid JWT",
        "InvalidRequest",
    }
    return False if refused or (reply.status in _REFUSALS and members) else None


def _functions(reply: Reply, members: Mapping[str, object], _code: str) -> bool | None:
    if reply.status == 401:
        return False
    # The function does not exist: whoever says so in JSON has let the credential pass.
    return True if members and reply.status in (400, 404, 500, 546) else None


def _realtime(reply: Reply, _members: Mapping[str, object], _code: str) -> bool | None:
    if reply.status in _REFUSALS:
        return False
    # 202 takes the empty broadcast, 422 calls it empty; both after the token was verified.
    return True if reply.status in (202, 422) else None


def _socket(reply: Reply, _members: Mapping[str, object], _code: str) -> bool | None:
    if reply.status == _SWITCHING:
        given = reply.headers.get("sec-websocket-accept")
        return True if given == reply.socket_accepted else None
    return False if reply.status in _REFUSALS else None


_JUDGES: Final[Mapping[Kind, _Judge]] = {
    Kind.AUTH: _auth,
    Kind.REST: _rest,
    Kind.STORAGE: _storage,
    Kind.FUNCTIONS: _functions,
    Kind.REALTIME: _realtime,
}


def _by_gateway(reply: Reply, members: Mapping[str, object]) -> bool | None:
    """Whether the gateway answered itself; both gateways mark what a service answered."""
    headers = reply.headers
    if "x-envoy-upstream-service-time" in headers or "x-kong-upstream-latency" in headers:
        return False
    if "x-kong-response-latency" in headers:
        return True
    text = reply.body[: LONGEST + 1].decode("utf-8", "replace").strip()
    said = _text(members, "message") or text
    if reply.status in (*_REFUSALS, _NOT_FOUND) and said in _GATEWAY_MESSAGES:
        return True
    return True if reply.status in _BAD_GATEWAY and headers.get("server") == "envoy" else None


def _code(service: Kind, members: Mapping[str, object]) -> str | None:
    names = ("error_code", "code") if service is Kind.AUTH else ("code",)
    if service is Kind.STORAGE:
        names = ("code", "error")
    return _text(members, *names)


def _message(reply: Reply, members: Mapping[str, object]) -> str | None:
    found = _text(members, "message", "msg", "error_description", "error")
    if found is None and "text/plain" in reply.headers.get("content-type", ""):
        found = reply.body.decode("utf-8", "replace").strip()
    return found or None


def _members(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(members: Mapping[str, object], *names: str) -> str | None:
    """Return the first of ``names`` that is a text with something in it."""
    found = (members.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value), None)
