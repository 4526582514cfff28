"""What PostgreSQL's refusals become over HTTP: a table of SQLSTATEs (PostgREST, Error.hs).

Where PostgREST answers 500 to what a caller can provoke, the stand-in answers 4xx or 503 and the
reference says so: nothing a caller sends may look like a defect.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from keyturn.flows.ports.rest import DatabaseRefused
from keyturn.profiles.postgrest import Answer

# The longest prefix wins.
_STATUS: Final[Mapping[str, int]] = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "21000": 400,
    "22023": 400,
    "23503": 409,
    "23505": 409,
    "25": 500,
    "25006": 405,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 503,
    "42501": 403,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53": 503,
    "53400": 500,
    "54": 400,
    "55": 400,
    "57": 503,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "P0001": 400,
    "XX": 500,
}
_OTHERS: Final = 400


def answer_for(problem: DatabaseRefused, *, authenticated: bool) -> Answer:
    """Return the answer to a refusal; without a token a missing privilege is a 401."""
    state = problem.sqlstate
    if state == "PGRST":
        return _chosen_by_sql(problem)
    return Answer(
        _status(state, problem.message, authenticated=authenticated),
        state,
        problem.message,
        problem.detail,
        problem.hint,
    )


def _status(state: str, message: str, *, authenticated: bool) -> int:
    if state.startswith("PT"):
        given = state[2:]
        return int(given) if given.isdigit() and 200 <= int(given) <= 599 else 500
    if state == "42501" and not authenticated:
        return 401
    if state == "22023" and message.startswith("role") and message.endswith("does not exist"):
        return 401
    for length in (5, 2):
        if state[:length] in _STATUS:
            return _STATUS[state[:length]]
    return _OTHERS


def _chosen_by_sql(problem: DatabaseRefused) -> Answer:
    """Read ``RAISE SQLSTATE 'PGRST'``: message and detail are JSON that say everything."""
    try:
        message, detail = json.loads(problem.message), json.loads(problem.detail or "")
        headers = tuple((str(name), str(value)) for name, value in detail["headers"].items())
        return Answer(
            _checked_status(detail["status"]),
            str(message["code"]),
            str(message["message"]),
            message.get("details"),
            message.get("hint"),
            headers,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return Answer(
            500,
            "PGRST121",
            "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
            hint="MESSAGE must be a JSON object with 'code' and 'message', "
            "DETAIL one with 'status' and 'headers'.",
        )


def _checked_status(status: object) -> int:
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError("not an HTTP status")
    return status
