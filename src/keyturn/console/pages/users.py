"""Accounts of the Auth server: search, one account with its sessions, ending them, banning."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from keyturn.accounts.errors import AuthError
from keyturn.console.errors import BadRequest, NotFound
from keyturn.console.problems import status_of
from keyturn.console.visit import Visit
from keyturn.errors import KeyturnError
from keyturn.flows import desk as flow
from keyturn.flows.desk import Desk

LIST: Final = "/users"
LENGTHS: Final = {
    "day": ("A day", timedelta(days=1)),
    "week": ("A week", timedelta(days=7)),
    "month": ("Thirty days", timedelta(days=30)),
    "ever": ("Until it is lifted", timedelta(days=36_500)),
}
_LONGEST_SEARCH: Final = 200
_MOST_PAGES: Final = 1_000_000


async def show(visit: Visit) -> Response:
    """``GET /users?q=&page=``."""
    query = visit.request.query_params
    text = query.get("q", "").replace("\0", "").strip()[:_LONGEST_SEARCH]
    number = _page(query.get("page", ""))
    found = await flow.search(_desk(visit), text, number)
    return visit.page(
        "users",
        found=found,
        text=text,
        before=_address(text, number - 1) if number > 1 else None,
        after=_address(text, number + 1) if number < found.last else None,
    )


async def show_one(visit: Visit) -> Response:
    """``GET /users/{user_id}``: the account, its sessions, and the key that signed each."""
    return visit.page("user", **await _account(visit))


async def ask_sign_out(visit: Visit) -> Response:
    """``GET /users/{user_id}/sign-out``: what ending every session does."""
    return visit.page("user_sign_out", **await _account(visit))


async def sign_out(visit: Visit) -> Response:
    """``POST /users/{user_id}/sign-out``."""
    await flow.end_all_sessions(_desk(visit), visit.intent(), _id(visit))
    return visit.seen(f"{LIST}/{_id(visit)}")


async def ask_end(visit: Visit) -> Response:
    """``GET /users/{user_id}/sessions/{session_id}/end``."""
    facts = await _account(visit)
    wanted = visit.request.path_params["session_id"]
    for opened in facts["sessions"]:
        if opened.record.session.id == wanted:
            return visit.page("session_end", opened=opened, **facts)
    raise NotFound("There is no such session; it may have ended meanwhile.")


async def end(visit: Visit) -> Response:
    """``POST /users/{user_id}/sessions/{session_id}/end``."""
    session_id = visit.request.path_params["session_id"]
    await flow.end_session(_desk(visit), visit.intent(), _id(visit), session_id)
    return visit.seen(f"{LIST}/{_id(visit)}")


async def ask_ban(visit: Visit) -> Response:
    """``GET /users/{user_id}/ban``: for how long, or lifting it."""
    return await _ask_ban(visit)


async def ban(visit: Visit) -> Response:
    """``POST /users/{user_id}/ban``: ``length`` is a row of :data:`LENGTHS`, or ``lift``."""
    wanted = visit.form.get("length", "")
    if wanted == "lift":
        await flow.lift_ban(_desk(visit), visit.intent(), _id(visit))
    elif wanted in LENGTHS:
        await flow.ban(_desk(visit), visit.intent(), _id(visit), LENGTHS[wanted][1])
    else:
        return await _ask_ban(visit, BadRequest("Choose for how long."))
    return visit.seen(f"{LIST}/{_id(visit)}")


async def _ask_ban(visit: Visit, error: KeyturnError | None = None) -> Response:
    status = 200 if error is None else status_of(error)
    facts = await _account(visit)
    return visit.page("user_ban", status=status, error=error, lengths=LENGTHS, **facts)


async def _account(visit: Visit) -> dict[str, Any]:
    ring = await visit.services.bench.store.load()
    try:
        user, sessions = await flow.show(_desk(visit), ring, _id(visit), visit.now)
    except AuthError as error:
        raise NotFound("There is no such user.") from error
    return {"user": user, "sessions": sessions, "form": visit.form}


def _desk(visit: Visit) -> Desk:
    if visit.services.desk is None:
        raise NotFound("The accounts of this deployment are kept elsewhere.")
    return visit.services.desk


def _id(visit: Visit) -> str:
    return str(visit.request.path_params["user_id"])


def _page(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST_PAGES:
        return int(text[:9])
    if text:
        raise BadRequest("page is a number from 1.")
    return 1


def _address(text: str, number: int) -> str:
    return f"{LIST}?" + urlencode({**({"q": text} if text else {}), "page": number})
