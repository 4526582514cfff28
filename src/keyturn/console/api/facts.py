"""What the pages show beside keys, for programs: how things stand, the JWKS, the audit log."""

from __future__ import annotations

from dataclasses import asdict

from keyturn.console.api.call import Call
from keyturn.console.audit_export import as_json
from keyturn.console.errors import BadRequest
from keyturn.console.facts import gather, look, read_before, read_filter
from keyturn.console.overview import statement

_MOST = 1000


async def status(call: Call) -> object:
    """The sentence of the overview, and the parts behind it."""
    view = await gather(call.services)
    said = statement(view)
    parts = [{**asdict(part), "since": part.since.isoformat()} for part in view.parts]
    return {"healthy": said.good, "statement": said.text, "parts": parts}


async def jwks(call: Call) -> object:
    """The JWKS as a client gets it now, and whether it is the ring's."""
    found = await look(call.services)
    return {**asdict(found), "current": found.current}


async def audit_log(call: Call) -> object:
    """Lines of the audit log, newest first."""
    text = call.query.get("limit", "100")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST):
        raise BadRequest(f"limit is 1 to {_MOST}.")
    lines = await call.services.audit.search(
        read_filter(call.query), before=read_before(call.query), limit=int(text)
    )
    return {"lines": [as_json(line) for line in lines]}
