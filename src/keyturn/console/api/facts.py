"""What the pages show beside keys, for programs: how things stand, the JWKS, the audit log."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from starlette.responses import Response

from keyturn.accounts.timestamps import optional_rfc3339, rfc3339
from keyturn.console.api.call import Call, only
from keyturn.console.audit_export import as_csv, as_json
from keyturn.console.concerns import concerns
from keyturn.console.errors import BadRequest, NotFound
from keyturn.console.evidence import Verifier, readers, verifiers
from keyturn.console.facts import gather, look, read_before, read_filter
from keyturn.console.fetches import fetches_of
from keyturn.console.overview import statement
from keyturn.console.timeline import timeline
from keyturn.flows.canaries import Testimony
from keyturn.flows.ports.audit import AuditLine

MOST_LINES: Final = 10_000


async def status(call: Call) -> object:
    """All of the overview: its sentence, the timeline, verifiers, what to see to, the parts."""
    view = await gather(call.services)
    said, facts, witnesses = statement(view), view.facts, call.services.witnesses
    return {
        "healthy": said.good,
        "statement": said.text,
        "parts": [{**asdict(part), "since": part.since.isoformat()} for part in view.parts],
        "addresses": asdict(view.addresses),
        "timeline": [
            {**asdict(entry), "at": optional_rfc3339(entry.at)}
            for entry in (timeline(facts) if facts else ())
        ],
        "verifiers": [_verifier(one) for one in (verifiers(facts) if facts else ())],
        "jwks_readers": [
            {**asdict(one), "last": rfc3339(one.last)} for one in (readers(facts) if facts else ())
        ],
        "problems": [asdict(one) for one in (concerns(facts) if facts else ())],
        "testimony": _testimony(witnesses.last if witnesses else None),
    }


async def ask_verifiers(call: Call) -> object:
    """Show every verifier a token of each key that can sign, and a forgery."""
    only(call.body)
    if call.services.witnesses is None:
        raise NotFound("There are no verifiers here that could be asked.")
    return _testimony(await call.services.witnesses.ask(call.intent()))


def _testimony(told: Testimony | None) -> object:
    if told is None:
        return None
    return {"at": rfc3339(told.at), "answers": [asdict(one) for one in told.answers]}


async def jwks(call: Call) -> object:
    """The JWKS as a client gets it now, and whether it is the ring's; ``public``: from outside."""
    found = await look(call.services, public=call.flag("public"))
    more = {"missing": found.missing, "surplus": found.surplus, "fresh_in": found.fresh_in}
    return {**asdict(found), "current": found.current, **more}


async def jwks_fetches(call: Call) -> object:
    """Who fetched the JWKS in the last hour, a number per minute, and each client's habit."""
    traffic = await call.services.counts.traffic()
    if traffic is None:
        raise NotFound("There is no gateway of ours, so nobody counted.")
    found = fetches_of(traffic, call.now)
    clients = [{**asdict(one), "last": rfc3339(one.last)} for one in found.clients]
    return {**asdict(found), "since": rfc3339(found.since), "clients": clients}


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
        {
            "id": key.kid,
            "status": key.state.value,
            "live_tokens": None if live is None else live.get(key.kid, 0),
        }
        for key in ring.keys
    ]
    hour = seen and {"since": seen.since.isoformat(), "requests_by_algorithm": dict(seen.tokens)}
    return {"estimate": True, "keys": keys, "last_hour": hour}


async def audit_log(call: Call) -> object:
    """Lines of the audit log, newest first."""
    return {"lines": [as_json(line) for line in await _lines(call, "100")]}


async def audit_log_csv(call: Call) -> object:
    """The same as a file for spreadsheets; no cell can be taken for a formula."""
    return Response(as_csv(await _lines(call, str(MOST_LINES))), media_type="text/csv")


async def _lines(call: Call, usual: str) -> list[AuditLine]:
    text = call.query.get("limit", usual)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_LINES):
        raise BadRequest(f"limit is 1 to {MOST_LINES}.")
    found = await call.services.audit.search(
        read_filter(call.query), before=read_before(call.query), limit=int(text)
    )
    return list(found)


def _verifier(one: Verifier) -> dict[str, object]:
    proofs = [
        {
            "id": proof.key.kid if proof.key else None,
            "accepted": proof.accepted,
            "last": optional_rfc3339(proof.at),
        }
        for proof in one.proofs
    ]
    return {
        "name": one.name,
        "learns": one.learns,
        "accepted": proofs,
        "refused": one.refused,
        "refused_unknown_key": one.strangers,
    }
