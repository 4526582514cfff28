"""The console's ASGI application: one page, one stylesheet, GET only.

The page has no script, loads nothing from elsewhere and says so in its policy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from keyturn.console.overview import Overview, ago, clock, key_lines, statement

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

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
    """Answers ``/`` with the overview that ``view`` gathers."""

    def __init__(self, view: Callable[[], Awaitable[Overview]]) -> None:
        self._view = view

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        status, kind, body = await self._answer(scope["method"], scope["path"])
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
