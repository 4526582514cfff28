"""The console's ASGI application: one page, one stylesheet, GET only.

The page has no script, loads nothing from elsewhere and says so in its policy. It asks for no
password, so it is shown on its own machine only, and only under a name of that machine: another
site's name that points here (DNS rebinding) or a proxy's public one is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from keyturn.console.overview import Overview, ago, clock, key_lines, statement

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_LOCAL_ONLY: Final = (
    b"The console is shown only on the machine that runs Keyturn, at the address it printed.\n"
    b"From elsewhere, forward the port: ssh -L 8000:127.0.0.1:8000 HOST\n"
)
STYLESHEET: Final = "/console.css"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final[Headers] = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class ConsoleApp:
    """Answers ``/`` with the overview that ``view`` gathers.

    ``host`` is the name or address at which this machine is reached.
    """

    def __init__(self, view: Callable[[], Awaitable[Overview]], host: str = "127.0.0.1") -> None:
        self._view = view
        self._host = host

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        if is_local(scope, self._host):
            status, kind, body = await self._answer(scope["method"], scope["path"])
        else:
            status, kind, body = 403, "text/plain", _LOCAL_ONLY
        cache_control = b"public, max-age=300" if kind == "text/css" else b"no-store"
        headers = [
            *_ALWAYS,
            (b"content-type", f"{kind}; charset=utf-8".encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", cache_control),
        ]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        content = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in {"GET", "HEAD"}:
            return 405, "text/plain", b"The console only shows; use the keyturn command.\n"
        if path == STYLESHEET:
            return 200, "text/css", _stylesheet()
        if path == "/":
            return 200, "text/html", render(await self._view()).encode()
        return 404, "text/plain", b"There is nothing here. The overview is at /.\n"


def is_local(scope: MutableMapping[str, Any], host: str) -> bool:
    """Tell whether the request comes from this machine, whose own name or address is ``host``.

    Both ends count: who asks, and whom the request names. Behind the gateway ``x-forwarded-for``
    is the one address that the gateway saw; nobody elsewhere can send from our own.
    """
    headers = dict(scope["headers"])
    peer = scope.get("client") or ("",)
    address = headers.get(b"x-forwarded-for", str(peer[0]).encode()).decode("latin-1")
    try:
        name = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname
    except ValueError:
        return False
    return _is_ours(address, host) and (name == "localhost" or _is_ours(name or "", host))


def _is_ours(text: str, host: str) -> bool:
    return text == host or _is_loopback(text)


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def render(view: Overview) -> str:
    """Return the page; every value is escaped."""
    page: str = _template().render(
        view=view,
        statement=statement(view),
        keys=key_lines(view),
        clock=clock,
        ago=ago,
        stylesheet=STYLESHEET,
    )
    return page


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("keyturn.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("overview.html")


@cache
def _stylesheet() -> bytes:
    return resources.files("keyturn.console").joinpath("static", "console.css").read_bytes()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
