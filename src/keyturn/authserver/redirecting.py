"""Where links point and browsers are sent: read from a request, judged by the allow list."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from keyturn.accounts.redirects import choose
from keyturn.authserver.exchange import Exchange, Reply
from keyturn.flows.messages import Origin
from keyturn.flows.plane import AuthPlane

_UNQUOTED: Final = "!#$%&'()*+,/:;=?@[]~"


def origin_of(plane: AuthPlane, exchange: Exchange, wanted: str | None = None) -> Origin:
    """Return where the links of a mail point, and where their bearer goes afterwards.

    In order: ``wanted`` (of the body), the ``redirect_to`` header and query parameter, ``Referer``,
    the application; the first that is allowed.
    """
    messages = plane.messages
    allowed = messages.settings.redirect_allow_list if messages else ()
    candidates = (
        wanted,
        exchange.header(b"redirect_to"),
        exchange.query("redirect_to"),
        exchange.header(b"referer"),
    )
    target = choose(candidates, plane.settings.site_url, allowed)
    return Origin(target, _external_url(plane, exchange))


def _external_url(plane: AuthPlane, exchange: Exchange) -> str:
    """Return our own address; a forwarded host counts when the operator lists it."""
    messages = plane.messages
    if messages is None:
        return ""
    host = exchange.header(b"x-forwarded-host") or ""
    if host.partition(":")[0] in messages.settings.external_hosts:
        scheme = exchange.header(b"x-forwarded-proto") or "https"
        if scheme in {"http", "https"}:
            return f"{scheme}://{host}"
    return messages.external_url


def redirect(target: str, status: int = 303) -> Reply:
    """Return a redirect to ``target``, which an allow list or the operator has approved."""
    location = quote(target, safe=_UNQUOTED).encode("ascii")
    headers = ((b"location", location), (b"cache-control", b"no-store"))
    return Reply(status, b"", headers)
