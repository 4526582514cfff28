"""Which path and method is answered by whom: one table, two ways through it.

Hot endpoints are found by one dictionary lookup; everything else, a wrong path (404) and a wrong
method (405) too, goes through Starlette's router.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.routing import Route, Router

from keyturn.authserver.exchange import Exchange, Handler, Receive, Reply, Scope, Send

EXCHANGE: Final = "keyturn.exchange"
_NO_PAGE: Final = Reply(
    404,
    b"404 page not found\n",
    ((b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path (Starlette syntax); ``hot`` ones have no parameters."""

    method: str
    path: str
    handler: Handler
    hot: bool = False
    head: bool = False
    """A GET that answers HEAD as well."""


class _Cold:
    """The ASGI end of a cold route: it leaves its reply in the exchange."""

    def __init__(self, path: str, handlers: Mapping[str, Handler]) -> None:
        self.path = path
        self.handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        exchange: Exchange = scope[EXCHANGE]
        exchange.route = self.path
        handler = self.handlers.get(scope["method"])
        if handler is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self.handlers))})
        exchange.params = scope["path_params"]
        exchange.reply = await handler(exchange)


class Routes:
    """Finds the handler of an exchange and runs it."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        by_path: dict[str, dict[str, Handler]] = {}
        self.endpoints: tuple[Endpoint, ...] = tuple(endpoints)
        self.served: set[tuple[str, str]] = set()
        """Every method and path that is answered, ``HEAD`` aside."""
        self._hot: dict[tuple[str, str], Handler] = {}
        for endpoint in self.endpoints:
            self.served.add((endpoint.method, endpoint.path))
            for method in (endpoint.method, "HEAD") if endpoint.head else (endpoint.method,):
                by_path.setdefault(endpoint.path, {})[method] = endpoint.handler
                if endpoint.hot:
                    self._hot[method, endpoint.path] = endpoint.handler
        self._router = Router(
            [_route(path, by_path[path]) for path in sorted(by_path, key=_generality)],
            redirect_slashes=False,
        )

    async def answer(self, exchange: Exchange) -> Reply:
        """Return the reply; errors of the handler pass through."""
        scope = exchange.scope
        handler = self._hot.get((scope["method"], scope["path"]))
        if handler is not None:
            exchange.route = scope["path"]
            return await handler(exchange)
        try:
            await self._router(self._cold_scope(exchange), exchange.receive, _unused)
        except HTTPException as refused:
            return _refusal(refused)
        return exchange.reply or _NO_PAGE

    def _cold_scope(self, exchange: Exchange) -> Scope:
        """Return a scope for Starlette: no slash at the end, and our exchange in it.

        ``app`` in a scope makes the router raise instead of answering in its own words.
        """
        path = exchange.scope["path"]
        return {
            **exchange.scope,
            "path": path[:-1] if len(path) > 1 and path.endswith("/") else path,
            "app": self,
            EXCHANGE: exchange,
        }


def _route(path: str, handlers: dict[str, Handler]) -> Route:
    """Return a route whose ``{…:path}`` is any rest, line ends (``%0A``) included."""
    route = Route(path, _Cold(path, handlers))
    route.path_regex = re.compile(route.path_regex.pattern, re.DOTALL)
    return route


def _generality(path: str) -> tuple[bool, bool]:
    """Sort fixed paths before those with parameters, and those that take any rest last."""
    return ":path}" in path, "{" in path


def _refusal(refused: HTTPException) -> Reply:
    if refused.status_code == 405:
        allow = (refused.headers or {}).get("Allow", "")
        return Reply(405, b"", ((b"allow", allow.encode("latin-1")),))
    return _NO_PAGE


async def _unused(message: object) -> None:
    raise AssertionError(f"a cold route answered by itself: {message!r:.60}")
