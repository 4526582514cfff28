"""The overview: one honest sentence, then what it is made of."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from starlette.responses import Response

from keyturn.console.facts import gather
from keyturn.console.overview import key_lines, statement
from keyturn.console.visit import Visit
from keyturn.errors import KeyturnError
from keyturn.flows.ports.audit import AuditFilter, AuditLine

_NEWEST = 5


async def show(visit: Visit) -> Response:
    """``GET /``."""
    view = await gather(visit.services)
    lines: Sequence[AuditLine] = ()
    with contextlib.suppress(KeyturnError):
        lines = await visit.services.audit.search(AuditFilter(), before=None, limit=_NEWEST)
    return visit.page(
        "overview", view=view, statement=statement(view), keys=key_lines(view), log=lines
    )
