"""Who did what, when and why: filtered, page by page, and as files."""

from __future__ import annotations

from typing import Final, get_args
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from keyturn.console.audit_export import as_csv, as_json
from keyturn.console.facts import FILTER_FIELDS, read_before, read_filter
from keyturn.console.visit import Visit
from keyturn.flows.ports.audit import AccountVerb, VisitVerb
from keyturn.keyring.states import Verb

PAGE: Final = 50
EXPORT: Final = 10_000
SUBJECTS: Final = ("signing_key", "api_key", "console", "account")
_OF_KEYS: Final = ("create", "rename", "describe", "mint_token", "reseal")
VERBS: Final = (*Verb, *_OF_KEYS, *get_args(VisitVerb), *get_args(AccountVerb))


async def show(visit: Visit) -> Response:
    """``GET /audit-log``."""
    query = visit.request.query_params
    wanted, before = read_filter(query), read_before(query)
    lines = await visit.services.audit.search(wanted, before=before, limit=PAGE + 1)
    kept = {name: value for name in FILTER_FIELDS if (value := getattr(wanted, name))}
    more = lines[PAGE - 1].id if len(lines) > PAGE else None
    return visit.page(
        "audit_log",
        lines=lines[:PAGE],
        wanted=wanted,
        subjects=SUBJECTS,
        verbs=VERBS,
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
