"""Who did what, when and why: filtered, page by page, and as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from keyturn.console.audit_export import as_csv, as_json
from keyturn.console.facts import FILTER_FIELDS, FILTER_TIMES, read_before, read_filter
from keyturn.console.visit import Visit
from keyturn.keyring.states import TRANSITIONS, Verb

PAGE: Final = 50
EXPORT: Final = 10_000
SUBJECTS: Final = ("signing_key", "api_key", "console", "account")
_VISITS: Final[Mapping[str, str]] = {
    "sign_in": "somebody came into the console",
    "sign_out": "somebody left the console",
    "sign_in_failed": "a password for the console did not fit; beside it the address that tried",
}
_ACCOUNTS: Final[Mapping[str, str]] = {
    "end_session": "a user was signed out of one session",
    "end_sessions": "a user was signed out everywhere",
    "ban": "a user may neither sign in nor refresh for a while",
    "lift_ban": "a user may sign in again",
}
MEANINGS: Final[Mapping[str, str]] = {
    **{row.verb: row.meaning for row in TRANSITIONS},
    Verb.REVOKE: "a key of either kind is trusted no longer",
    "create": "an API key was made",
    "rename": "an API key has another name; the state shows both",
    "describe": "an API key has another description",
    "mint_token": "a token was made by hand, or as a canary that verifiers were asked with",
    "reseal": "the keys were sealed anew, with another master key",
    **_VISITS,
    **_ACCOUNTS,
}
"""Every verb of the log, in the order of the filter, and what it says."""


async def show(visit: Visit) -> Response:
    """``GET /audit-log``."""
    query = visit.request.query_params
    wanted, before = read_filter(query), read_before(query)
    lines = await visit.services.audit.search(wanted, before=before, limit=PAGE + 1)
    named = (*FILTER_FIELDS, *FILTER_TIMES)
    kept = {name: value for name in named if (value := query.get(name, "").strip())}
    more = lines[PAGE - 1].id if len(lines) > PAGE else None
    return visit.page(
        "audit_log",
        lines=lines[:PAGE],
        names={str(key.id): key.name for key in await visit.services.api_keys.list()},
        wanted=wanted,
        days={name: kept.get(name, "")[:10] for name in FILTER_TIMES},
        subjects=SUBJECTS,
        verbs=list(MEANINGS),
        meanings=MEANINGS,
        older="/audit-log?" + urlencode({**kept, "before": more}) if more else None,
        newest="/audit-log?" + urlencode(kept) if before else None,
        export=urlencode(kept),
    )


async def export_csv(visit: Visit) -> Response:
    """``GET /audit-log.csv``: the newest ten thousand lines that fit the filter."""
    wanted = read_filter(visit.request.query_params)
    lines = await visit.services.audit.search(wanted, before=None, limit=EXPORT)
    return Response(as_csv(lines), media_type="text/csv", headers=_file("csv"))


async def export_json(visit: Visit) -> Response:
    """``GET /audit-log.json``: the newest ten thousand lines that fit the filter."""
    wanted = read_filter(visit.request.query_params)
    lines = await visit.services.audit.search(wanted, before=None, limit=EXPORT)
    return JSONResponse({"lines": [as_json(line) for line in lines]}, headers=_file("json"))


def _file(ending: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="keyturn-audit-log.{ending}"'}
