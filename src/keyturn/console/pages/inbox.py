"""The mails that `keyturn up` caught, so that a newcomer can follow the link in one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keyturn.console.api.call import PROJECT
from keyturn.console.api.operations import PREFIX
from keyturn.console.visit import Visit


async def show(visit: Visit) -> Response:
    """``GET /inbox``: everything, the newest first."""
    return visit.page("inbox", mails=visit.services.inbox())


async def fragment(visit: Visit) -> str:
    """Return the list, which grows when a mail comes."""
    return visit.html("inbox_live", mails=visit.services.inbox())


async def moved(request: Request) -> Response:
    """``GET /inbox.json``: it was open to every program of this machine; now the API has it."""
    target = request.url.replace(path=f"{PREFIX.format(ref=PROJECT)}/inbox")
    return RedirectResponse(f"{target.path}?{target.query}" if target.query else target.path, 308)
