"""The overview: one honest sentence, then what it is made of."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from keyturn.console.concerns import concerns
from keyturn.console.errors import NotFound
from keyturn.console.evidence import readers, verifiers
from keyturn.console.facts import gather
from keyturn.console.overview import key_lines, statement
from keyturn.console.timeline import timeline
from keyturn.console.visit import Visit
from keyturn.errors import KeyturnError
from keyturn.flows.ports.audit import AuditFilter, AuditLine

_NEWEST = 5


async def show(visit: Visit) -> Response:
    """``GET /``."""
    lines: Sequence[AuditLine] = ()
    with contextlib.suppress(KeyturnError):
        lines = await visit.services.audit.search(AuditFilter(), before=None, limit=_NEWEST)
    facts = await _facts(visit)
    names = {str(key.id): key.name for key in facts["view"].api_keys}
    return visit.page("overview", log=lines, names=names, **facts)


async def ask(visit: Visit) -> Response:
    """``POST /verifiers/ask``: show every verifier a token of each key that can sign."""
    if visit.services.witnesses is None:
        raise NotFound
    await visit.services.witnesses.ask(visit.intent())
    return visit.seen("/#verifiers")


async def fragment(visit: Visit) -> str:
    """Return what changes by itself: all but the words, the newest changes and the addresses."""
    return visit.html("overview_live", **await _facts(visit))


async def _facts(visit: Visit) -> dict[str, Any]:
    view = await gather(visit.services)
    facts = view.facts
    return {
        "view": view,
        "statement": statement(view),
        "keys": key_lines(view),
        "timeline": timeline(facts) if facts else [],
        "concerns": concerns(facts) if facts else [],
        "verifiers": verifiers(facts) if facts else [],
        "readers": readers(facts) if facts else [],
        "witnesses": visit.services.witnesses,
    }
