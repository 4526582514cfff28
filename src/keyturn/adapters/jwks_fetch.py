"""One GET of a published key set: bounded in time and size, no redirects, no proxies, no cookies.

One deadline holds for the whole fetch (:mod:`keyturn.adapters.timed_line`).
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast
from urllib.parse import SplitResult, urlsplit

from keyturn.adapters.steady_clock import steady
from keyturn.adapters.timed_line import Line, dial, reason, secured
from keyturn.errors import Unreachable, UsageError

_AGENT: Final = "keyturn-verifier"
_ACCEPT: Final = "application/jwk-set+json, application/json"


class FetchFailed(Unreachable):
    """The key set could not be fetched."""

    code = "fetch_failed"


@dataclass(frozen=True)
class Fetched:
    """An answer: ``body`` None means "unchanged" (304)."""

    body: bytes | None
    etag: str | None
    cache_control: str | None
    age: str | None


class JwksFetcher:
    """Fetches one address; every call is one connection."""

    def __init__(
        self,
        url: str,
        *,
        deadline: float,
        max_bytes: int,
        allow_http_hosts: Collection[str] = (),
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """``deadline`` seconds in all; raises ``UsageError`` for an address that is not safe."""
        self._parts = checked(url, allow_http_hosts)
        self._deadline, self._max_bytes, self._given_trust = deadline, max_bytes, trust

    @property
    def source(self) -> str:
        """The address, without anything that might be secret."""
        return f"{self._parts.scheme}://{self._parts.netloc}{self._parts.path}"

    def fetch(self, etag: str | None) -> Fetched:
        """Return the answer; raises :class:`FetchFailed` and nothing else for what a server does.

        ``etag`` is that of the set that is already here.
        """
        until = steady() + self._deadline
        try:
            with Line(self._connect(until), until) as line:
                return self._ask(line, etag)
        except TimeoutError:
            raise FetchFailed(f"no whole answer within {self._deadline:g} s") from None
        except ssl.SSLCertVerificationError as problem:
            raise FetchFailed(f"its certificate is refused: {problem.verify_message}") from None
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise FetchFailed(reason(problem)) from None

    def _ask(self, line: Line, etag: str | None) -> Fetched:
        target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        condition = "" if etag is None else f"If-None-Match: {etag}\r\n"
        request = (
            f"GET {target} HTTP/1.1\r\nHost: {self._parts.netloc}\r\nUser-Agent: {_AGENT}\r\n"
            f"Accept: {_ACCEPT}\r\nAccept-Encoding: identity\r\n{condition}"
            "Connection: close\r\n\r\n"
        )
        line.sendall(request.encode("latin-1"))
        # It asks for nothing but makefile("rb"), which is the interface that Line has.
        answer = http.client.HTTPResponse(cast(socket.socket, line), method="GET")
        try:
            answer.begin()
            return self._read(answer, etag)
        finally:
            answer.close()

    def _read(self, answer: http.client.HTTPResponse, etag: str | None) -> Fetched:
        if not (answer.status == 200 or (answer.status == 304 and etag is not None)):
            raise FetchFailed(_refusal(answer.status))
        if answer.getheader("content-encoding", "identity").lower() != "identity":
            raise FetchFailed("it answered with a compressed body, which was not asked for")
        unchanged = answer.status == 304
        body = None if unchanged else answer.read(self._max_bytes + 1)
        if body is not None and len(body) > self._max_bytes:
            raise FetchFailed(f"it answered with more than {self._max_bytes} bytes")
        if body is not None and answer.length:
            raise FetchFailed("the connection ended before the answer did")
        return Fetched(
            body,
            _clean_etag(answer.getheader("etag")) or (etag if unchanged else None),
            answer.getheader("cache-control"),
            answer.getheader("age"),
        )

    def _connect(self, until: float) -> socket.socket:
        secure = self._parts.scheme == "https"
        host, port = self._parts.hostname or "", self._parts.port or (443 if secure else 80)
        plain = dial(host, port, until)
        return secured(plain, host, self._trust, until) if secure else plain

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return self._given_trust or ssl.create_default_context()


def checked(url: str, allow_http_hosts: Collection[str]) -> SplitResult:
    """Return the parts of ``url``; raises ``UsageError`` when keys may not come from there."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, usable = urlsplit(""), False
    odd = not url.isascii() or not url.isprintable() or " " in url
    if parts.scheme not in {"http", "https"} or not usable or odd:
        raise UsageError(
            "the address of the key set is not an http or https address",
            hint="Write it as https://api.example.com/auth/v1/.well-known/jwks.json.",
        )
    if "@" in parts.netloc or parts.fragment:
        raise UsageError("the address of the key set may have no user, password or fragment")
    allowed = {host.lower() for host in allow_http_hosts}
    if parts.scheme == "http" and parts.hostname not in allowed:
        raise UsageError(
            f"keys from http://{parts.hostname} could be replaced on their way",
            hint=f"Use https, or write allow_http_hosts={{{parts.hostname!r}}} when the network "
            "between is your own.",
        )
    return parts


def _clean_etag(etag: str | None) -> str | None:
    """Return an entity tag that may be sent back; anything strange or long is not kept."""
    sane = etag is not None and len(etag) <= 256 and etag.isascii() and etag.isprintable()
    return etag if sane else None


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"it answered {status}; redirects are not followed"
    return f"it answered {status}, expected 200"


Fetch = Callable[[str | None], Fetched]
