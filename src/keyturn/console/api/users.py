"""``/users``: what the console does with accounts; the rest is the Auth server's own admin API."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from keyturn.accounts.durations import parse_duration
from keyturn.accounts.timestamps import optional_rfc3339
from keyturn.accounts.user import User, user_json
from keyturn.console.api.call import Call, only, text
from keyturn.console.errors import BadRequest, NotFound
from keyturn.flows import desk as flow
from keyturn.flows.desk import Desk, OpenSession

_MOST_PAGES: Final = 1_000_000
_LONGEST_SEARCH: Final = 200
_LONGEST_BAN: Final = timedelta(days=36_500)


async def search(call: Call) -> object:
    """A page of accounts, newest first; ``q`` is part of an address or name, or an ID."""
    wanted = call.query.get("page") or "1"
    if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= _MOST_PAGES):
        raise BadRequest("page is a number from 1.")
    sought = call.query.get("q", "").strip()
    if "\0" in sought or len(sought) > _LONGEST_SEARCH:
        raise BadRequest(f"q is a text of up to {_LONGEST_SEARCH} characters.")
    found = await flow.search(_desk(call), sought, int(wanted[:9]))
    return {
        "users": [_plain(user) for user in found.users],
        "total": found.total,
        "page": found.number,
        "last_page": found.last,
    }


async def get(call: Call) -> object:
    """One account as the Auth server tells it, and its sessions."""
    ring = await call.services.bench.store.load()
    user, sessions = await flow.show(_desk(call), ring, call.path["id"], call.now)
    return {"user": _plain(user), "sessions": [_session(opened) for opened in sessions]}


async def end_sessions(call: Call) -> object:
    """Sign an account out everywhere."""
    await get(call)  # Refuses an account that is not there.
    await flow.end_all_sessions(_desk(call), call.intent(), call.path["id"])
    return await get(call)


async def end_session(call: Call) -> object:
    """Sign an account out of one session."""
    session = call.path["session_id"]
    await flow.end_session(_desk(call), call.intent(), call.path["id"], session)
    return await get(call)


async def ban(call: Call) -> object:
    """Let an account neither sign in nor refresh for a while, and end its sessions."""
    only(call.body, "ban_duration")
    length = _length(text(call.body, "ban_duration"))
    await flow.ban(_desk(call), call.intent(), call.path["id"], length)
    return await get(call)


async def lift_ban(call: Call) -> object:
    """Let an account sign in again."""
    await flow.lift_ban(_desk(call), call.intent(), call.path["id"])
    return await get(call)


def _desk(call: Call) -> Desk:
    if call.services.desk is None:
        raise NotFound("The accounts of this deployment are kept elsewhere.")
    return call.services.desk


def _length(given: str) -> timedelta:
    try:
        length = parse_duration(given)
    except (ValueError, OverflowError):
        raise BadRequest('"ban_duration" is a length of time as in "24h".') from None
    if not timedelta() < length <= _LONGEST_BAN:
        raise BadRequest(f'"ban_duration" is up to {_LONGEST_BAN.days * 24}h; DELETE lifts a ban.')
    return length


def _plain(user: User) -> object:
    return msgspec.json.decode(msgspec.json.encode(user_json(user)))


def _session(opened: OpenSession) -> dict[str, object]:
    record = opened.record
    return {
        "id": record.session.id,
        "created_at": optional_rfc3339(record.session.created_at),
        "aal": record.session.aal,
        "user_agent": record.user_agent,
        "ip": record.ip,
        "newest_token_at": optional_rfc3339(opened.signed_at),
        "token_lives": opened.token_lives,
        "signed_with": opened.key.kid if opened.key else None,
    }
