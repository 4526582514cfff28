"""One request of somebody who signed in, and what stands before every page and action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from keyturn.console.errors import BadRequest, ForgedRequest, NotFound, ReadOnly
from keyturn.console.origin import OWN, Origin
from keyturn.console.services import Reception, Services
from keyturn.console.sessions import ABSOLUTE, Session
from keyturn.console.view import render
from keyturn.keyring.change import Intent

COOKIE: Final = "keyturn_console"
CSRF_FIELD: Final = "csrf"
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 50
LONGEST_REASON: Final = 1000
_WAYS: Final = ("http", "https")

S = TypeVar("S", bound=Reception)


@dataclass(frozen=True)
class Guest(Generic[S]):
    """A request with its session; ``form`` holds the fields of a POST."""

    request: Request
    services: S
    session: Session
    now: datetime
    form: Mapping[str, str] = field(default_factory=dict)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Return a page; what every page needs is added."""
        return HTMLResponse(self.html(template, **values), status)

    def html(self, template: str, **values: Any) -> str:
        """Return the text of a page, or of a part of one."""
        known = {
            "session": self.session,
            "csrf": self.services.sessions.csrf(self.session),
            "now": self.now,
            "path": self.request.url.path,
            "has_users": getattr(self.services, "desk", None) is not None,
            **values,
        }
        return render(template, **known)

    def intent(self) -> Intent:
        """Return who changes something, and the reason that the form gives."""
        return Intent(self.now, actor_of(self.session), read_reason(self.form))

    def require_csrf(self) -> None:
        """Raise :class:`ForgedRequest` unless the form carries this session's word."""
        if not self.services.sessions.csrf_fits(self.session, self.form.get(CSRF_FIELD, "")):
            raise ForgedRequest

    def seen(self, path: str) -> Response:
        """Send the browser to look at ``path``, one of our own, with GET."""
        return RedirectResponse(path, 303)


HandlerOf = Callable[[Guest[S]], Awaitable[Response]]
Visit = Guest[Services]
"""A guest of the console of a ring."""

Handler = HandlerOf[Services]
Endpoint = Callable[[Request], Awaitable[Response]]


def read_reason(fields: Mapping[str, str]) -> str | None:
    """Return why something is changed; raises :class:`BadRequest` for more than the log keeps."""
    reason = fields.get("reason", "").strip()
    if len(reason) > LONGEST_REASON:
        raise BadRequest(f"A reason has up to {LONGEST_REASON} characters.")
    return reason or None


def require_storable(request: Request) -> None:
    """Refuse an address with a zero byte: no text in the database can have one.

    Raises :class:`NotFound` for one in the path, :class:`BadRequest` for one in the query.
    """
    if any("\0" in str(value) for value in request.path_params.values()):
        raise NotFound
    if any("\0" in value for _, value in request.query_params.multi_items()):
        raise BadRequest("A text cannot have a zero byte in it.")


def actor_of(session: Session) -> str:
    """Return the audit log's name of whoever acts through the console."""
    return f"{session.actor} (console)"


def signed_in(services: S, handler: HandlerOf[S]) -> Endpoint:
    """Return the endpoint that looks: session first, then ``handler``."""

    async def endpoint(request: Request) -> Response:
        session = services.sessions.read(request.cookies.get(COOKIE))
        require_storable(request)
        visit = Guest(request, services, session, services.clock())
        return _renew(services, session, request, await handler(visit))

    return endpoint


def acting(services: S, handler: HandlerOf[S], *, changes: bool = True) -> Endpoint:
    """Return the endpoint that changes: session, origin, form, CSRF word and role first.

    ``changes`` false: it takes a form and changes nothing, so whoever may only look may use it.
    """

    async def endpoint(request: Request) -> Response:
        session = services.sessions.read(request.cookies.get(COOKIE))
        require_own_origin(request)
        require_storable(request)
        visit = Guest(request, services, session, services.clock(), await read_form(request))
        visit.require_csrf()
        if changes and not session.may_change:
            raise ReadOnly
        return _renew(services, session, request, await handler(visit))

    return endpoint


def require_own_origin(request: Request) -> None:
    """Raise :class:`ForgedRequest` unless a page of this console sent the request.

    Browsers name the origin with every POST. The host was checked before. On this machine a proxy
    that nobody configured may speak TLS, so there the scheme does not count.
    """
    own: Origin = request.scope[OWN]
    given = request.headers.get("origin", "").lower()
    public = own.scheme == "https"
    fitting = {str(own)} if public else {f"{way}://{own.netloc.lower()}" for way in _WAYS}
    if (
        given not in fitting
        or request.headers.get("sec-fetch-site", "same-origin") != "same-origin"
    ):
        raise ForgedRequest


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; raises :class:`BadRequest` for another kind of body."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != _FORM:
        raise BadRequest(f"A form is sent as {_FORM}.")
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequest("The form cannot be read.") from None
    if "%00" in text:
        raise BadRequest("A text cannot have a zero byte in it.")
    return dict(pairs)


def set_cookie(services: Reception, session: Session, request: Request, response: Response) -> None:
    """Put the session into ``response``: no script sees it, no other site's request carries it.

    Under a public https origin no request in clear carries it either.
    """
    response.set_cookie(
        COOKIE,
        services.sessions.cookie(session),
        max_age=int(ABSOLUTE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.scope[OWN].scheme == "https",
    )


def _renew(services: Reception, session: Session, request: Request, response: Response) -> Response:
    renewed = services.sessions.renewed(session)
    if renewed is not None and COOKIE.encode() not in dict(response.raw_headers).get(
        b"set-cookie", b""
    ):
        set_cookie(services, renewed, request, response)
    return response
