"""The ASGI application: from a raw request to a reply, whatever happens in between.

Order: identify, preflight, route, and then the error shapes. Nothing that a client sends may end
in a 500; a defect of ours ends in one that says nothing and a log line that says where.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Final

from keyturn.authserver.client_address import client_address
from keyturn.authserver.cors import Cors, decoration
from keyturn.authserver.deadline import Deadline
from keyturn.authserver.exchange import Exchange, Receive, Reply, Scope, Send
from keyturn.authserver.options import ServerOptions
from keyturn.authserver.problems import (
    INTERNAL,
    VERSION_HEADER,
    ClientGone,
    Problem,
    TimedOut,
    body_of,
    headers_of,
    is_newer,
    problem_of,
)
from keyturn.authserver.reporting import Log, Metrics, RequestLine, defect
from keyturn.authserver.routes import Routes

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


class AuthApp:
    """The Auth server as an ASGI application (HTTP only; it has no WebSocket)."""

    def __init__(
        self,
        routes: Routes,
        options: ServerOptions,
        *,
        log: Log,
        metrics: Metrics | None,
        new_id: Callable[[], str],
    ) -> None:
        """``new_id`` returns an unguessable request id."""
        self.routes = routes
        self._options = options
        self._log = log
        self._metrics = metrics
        self._new_id = new_id
        self._cors = Cors(options.cors_allowed_headers)
        self._client_address = lru_cache(maxsize=4096)(
            partial(client_address, trusted=options.trusted_proxies)
        )
        self._deadline = Deadline(options.max_request_duration.total_seconds())
        header = options.request_id_header
        self._id_header = header.lower().encode("latin-1", "replace") if header else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        exchange = self._exchange(scope, receive)
        reply = await self._reply(exchange)
        await _send(exchange, reply, send)
        line = RequestLine(
            exchange.request_id,
            exchange.method,
            exchange.route,
            reply.status,
            time.perf_counter() - started,
            exchange.ip,
            reply.error_code,
        )
        self._log.request(line)
        if self._metrics is not None:
            self._metrics.request(line)

    def _exchange(self, scope: Scope, receive: Receive) -> Exchange:
        # Of a repeated header the first value counts: the last one written into a dict.
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        forwarded = None
        if b"x-forwarded-for" in headers:
            values = (value for name, value in scope["headers"] if name == b"x-forwarded-for")
            forwarded = b",".join(values).decode("latin-1")
        peer = scope.get("client")
        return Exchange(
            scope,
            headers,
            receive,
            self._request_id(headers),
            self._client_address(peer[0] if peer else None, forwarded),
            self._options.max_body,
        )

    def _request_id(self, headers: Mapping[bytes, bytes]) -> str:
        if self._id_header is not None:
            sent = headers.get(self._id_header, b"").decode("latin-1")
            if _REQUEST_ID.fullmatch(sent):
                return sent
        return self._new_id()

    async def _reply(self, exchange: Exchange) -> Reply:
        if exchange.method == "OPTIONS":
            preflight = self._cors.preflight(exchange)
            if preflight is not None:
                return preflight
        reply = Reply(500)
        with _Failure() as failure, self._deadline:
            reply = await self.routes.answer(exchange)
        if failure.error is not None:
            reply = self._render(exchange, failure.error)
        return reply

    def _render(self, exchange: Exchange, error: Exception) -> Reply:
        if isinstance(error, TimeoutError):
            error = TimedOut()
        problem = problem_of(error)
        if problem is None or problem.status >= 500:
            facts = {"request_id": exchange.request_id, "route": exchange.route, **defect(error)}
            self._log.event("error", "the request could not be answered", facts)
        return render(exchange, problem or INTERNAL, closing=isinstance(error, ClientGone))


class _Failure:
    """Keeps any exception of its block: every failure has an answer, and one place gives it."""

    error: Exception | None = None

    def __enter__(self) -> _Failure:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False


def render(exchange: Exchange, problem: Problem, *, closing: bool = False) -> Reply:
    """Return ``problem`` in the shape that the client's version of the API has.

    ``closing``: the rest of the request will never be read, so the connection ends.
    """
    newer = is_newer(exchange.header(VERSION_HEADER))
    headers = headers_of(problem, newer=newer)
    if closing or problem.status == 413:
        headers.append((b"connection", b"close"))
    body = body_of(problem, newer=newer, error_id=exchange.request_id)
    return Reply(problem.status, body, headers, problem.error_code)


async def _send(exchange: Exchange, reply: Reply, send: Send) -> None:
    headers = [*reply.headers, *(() if reply.complete else decoration(exchange))]
    if reply.status not in (204, 304):
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if exchange.method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})
