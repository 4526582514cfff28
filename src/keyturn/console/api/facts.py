"""What the pages show beside keys, for programs: how things stand, the JWKS, the audit log."""

from __future__ import annotations

from dataclasses import asdict

from keyturn.accounts.timestamps import rfc3339
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


async def inbox(call: Call) -> object:
    """The mails that were caught, newest first; ``to`` keeps those to one address."""
    wanted = call.query.get("to")
    mails = [
        {**asdict(mail), "received_at": rfc3339(mail.received_at)}
        for mail in call.services.inbox()
        if wanted is None or wanted in mail.to
    ]
    return {"schema_version": 1, "messages": mails}


async def census(call: Call) -> object:
    """How many live tokens each key carries, and the tokens of the last hour by algorithm."""
    services = call.services
    ring = await services.bench.store.load()
    live = await services.counts.live_tokens(ring, call.now)
    seen = await services.counts.traffic()
    keys = [
        {"id": key.kid, "status": key.state.value, "live_tokens": live and live.get(key.kid, 0)}
        for key in ring.keys
    ]
    hour = seen and {"since": seen.since.isoformat(), "requests_by_algorithm": dict(seen.tokens)}
    return {"estimate": True, "keys": keys, "last_hour": hour}


async def audit_log(call: Call) -> object:
    """Lines of the audit log, newest first."""
    text = call.query.get("limit", "100")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST):
        raise BadRequest(f"limit is 1 to {_MOST}.")
    lines = await call.services.audit.search(
        read_filter(call.query), before=read_before(call.query), limit=int(text)
    )
    return {"lines": [as_json(line) for line in lines]}
