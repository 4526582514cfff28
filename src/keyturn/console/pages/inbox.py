"""The mails that `keyturn up` caught, so that a newcomer can follow the link in one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keyturn.accounts.timestamps import rfc3339
from keyturn.console.services import Services
from keyturn.console.visit import Visit


async def show(visit: Visit) -> Response:
    """``GET /inbox``: everything, the newest first."""
    return visit.page("inbox", mails=visit.services.inbox())


async def fragment(visit: Visit) -> str:
    """Return the list, which grows when a mail comes."""
    return visit.html("inbox_live", mails=visit.services.inbox())


def listing(services: Services) -> Callable[[Request], Awaitable[Response]]:
    """Return ``GET /inbox.json?to=``, for scripts on this machine: no session is asked for.

    ``guard`` keeps other machines and other sites away, as with any local mail catcher.
    """

    async def answer(request: Request) -> Response:
        wanted = request.query_params.get("to")
        mails = [
            {**asdict(mail), "received_at": rfc3339(mail.received_at)}
            for mail in services.inbox()
            if wanted is None or wanted in mail.to
        ]
        headers = {"cache-control": "no-store"}
        return JSONResponse({"schema_version": 1, "messages": mails}, headers=headers)

    return answer
