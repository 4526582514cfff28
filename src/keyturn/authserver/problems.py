"""Every failure → status, code and one sentence, in the two shapes that GoTrue's clients know.

Before API version 2024-01-01: ``{"code": <status>, "error_code", "msg"}``, with ``error_id`` from
500 up. From it on: ``{"code": <error code>, "message"}`` and the response names the version.
Anything that is not an expected error is an internal one: logged with its place, shown as nothing.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec

from keyturn.accounts.errors import AuthError, DatabaseRefused, OAuthRefusal, WeakPassword
from keyturn.errors import Conflict, KeyturnError, Unreachable

VERSION_HEADER: Final = b"x-supabase-api-version"
NEWER: Final = datetime.date(2024, 1, 1)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class HttpProblem(KeyturnError):
    """The request was refused before it reached a flow."""

    status: ClassVar[int] = 400
    error_code: ClassVar[str] = "validation_failed"
    code = "http"


class BadJson(HttpProblem):
    """Could not parse request body as JSON."""

    error_code = "bad_json"


class BodyTooLarge(HttpProblem):
    """Request body too large: the limit is 1 MiB"""

    status = 413
    error_code = "request_entity_too_large"


class TimedOut(HttpProblem):
    """Processing this request timed out, please retry after a moment."""

    status = 504
    error_code = "request_timeout"


class FeatureAbsent(HttpProblem):
    """This endpoint is not part of this Auth server."""

    status = 404
    error_code = "feature_disabled"


class Refused(HttpProblem):
    """A request that GoTrue refuses with one fixed answer; the row says which."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        """``error_code`` is one of GoTrue's (gotrue.md §4.1)."""
        super().__init__(message)
        self.row = (status, error_code)


class ClientGone(HttpProblem):
    """The client closed the connection before it had sent its request."""

    error_code = "unknown"


@dataclass(frozen=True, slots=True)
class Problem:
    """One failure as the wire knows it."""

    status: int
    error_code: str
    message: str
    reasons: tuple[str, ...] | None = None
    """Why a password is weak: ``length``, ``characters``, ``pwned``."""
    retry_after: int | None = None
    """Seconds."""
    oauth: bool = False
    """Answered in the shape of RFC 6749 §5.2, whatever the version."""
    raised: DatabaseRefused | None = None
    """What the operator's own trigger said; the older shape shows it."""


INTERNAL: Final = Problem(
    500,
    "unexpected_failure",
    "Unexpected failure, please check server logs for more information",
)


def is_newer(header: str | None) -> bool:
    """Return whether ``X-Supabase-Api-Version`` names 2024-01-01 or later."""
    if header is None or not _DATE.fullmatch(header):
        return False
    try:
        return datetime.date.fromisoformat(header) >= NEWER
    except ValueError:
        return False


def problem_of(error: BaseException) -> Problem | None:
    """Return the wire form of an expected error; None for a defect of ours."""
    if isinstance(error, AuthError):
        return _of_auth_error(error)
    if isinstance(error, Refused):
        status, error_code = error.row
        return Problem(status, error_code, error.message)
    if isinstance(error, HttpProblem):
        return Problem(error.status, error.error_code, error.message)
    if isinstance(error, Unreachable):
        return Problem(503, "unexpected_failure", "The database cannot be reached.", retry_after=1)
    if isinstance(error, Conflict):
        return Problem(409, "conflict", error.message)
    return None


def _of_auth_error(error: AuthError) -> Problem:
    return Problem(
        _raised_status(error) if isinstance(error, DatabaseRefused) else error.status,
        error.error_code,
        error.message,
        reasons=error.reasons if isinstance(error, WeakPassword) else None,
        oauth=isinstance(error, OAuthRefusal),
        raised=error if isinstance(error, DatabaseRefused) else None,
    )


def _raised_status(error: DatabaseRefused) -> int:
    """Return the status that SQLSTATE ``PTxyz`` asks for, as PostgREST and GoTrue read it."""
    wanted = error.sqlstate[2:]
    if error.sqlstate.startswith("PT") and wanted.isdecimal() and 400 <= int(wanted) <= 599:
        return int(wanted)
    return error.status


def body_of(problem: Problem, *, newer: bool, error_id: str) -> bytes:
    """Return the JSON body, members in GoTrue's order."""
    if problem.oauth:
        content: dict[str, object] = {
            "error": problem.error_code,
            "error_description": problem.message,
        }
    elif newer:
        content = {"code": problem.error_code, "message": problem.message}
    elif problem.raised is not None and problem.raised.raised:
        content = _raised(problem.raised)
    else:
        content = {
            "code": problem.status,
            "error_code": problem.error_code,
            "msg": problem.message,
        }
        if problem.status >= 500:
            content["error_id"] = error_id
    if problem.reasons is not None:
        content["weak_password"] = {"reasons": problem.reasons}
    return msgspec.json.encode(content)


def _raised(error: DatabaseRefused) -> dict[str, object]:
    fields = {"hint": error.pg_hint, "detail": error.pg_detail}
    said = {name: text for name, text in fields.items() if text}
    return {"code": error.sqlstate, "message": error.raised, **said}


def headers_of(problem: Problem, *, newer: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers that go with :func:`body_of`."""
    headers = [
        (b"content-type", b"application/json"),
        (b"x-sb-error-code", problem.error_code.encode("ascii")),
    ]
    if newer:
        headers.append((VERSION_HEADER, NEWER.isoformat().encode()))
    if problem.retry_after is not None:
        headers.append((b"retry-after", str(problem.retry_after).encode()))
    return headers
