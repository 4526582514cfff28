"""A web service on this machine that keeps what it was sent and answers by method and path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

JSON = "application/json"


@dataclass
class Request:
    """One request: ``path`` without its query; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path alone."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The body, as a form."""
        pairs = parse_qs(self.body.decode(), keep_blank_values=True)
        return {name: found[0] for name, found in pairs.items()}


Answer = tuple[int, str, bytes]
Answers = Callable[[Request], Answer]


@dataclass
class WebDouble:
    """``GET /path`` → what answers it; everything else is 404."""

    url: str = ""
    answers: dict[str, Answers] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def says(self, what: str, document: object, status: int = 200) -> None:
        """Answer ``GET /path`` with a document from now on; bytes are sent as text."""
        raw = document if isinstance(document, bytes) else None
        body = raw if raw is not None else json.dumps(document).encode()
        kind = "text/plain" if raw is not None else JSON
        self.answers[what] = lambda request: (status, kind, body)

    def last(self, what: str) -> Request:
        """Return the newest request, which must be ``what``."""
        assert self.asked, "nobody asked"
        newest = self.asked[-1]
        assert f"{newest.method} {newest.path}" == what
        return newest

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request per connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): text for name, text in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            request = Request(method, target, headers, body)
            self.asked.append(request)
            nothing: Answers = lambda request: (404, JSON, b"{}")  # noqa: E731
            answer = self.answers.get(f"{method} {request.path}", nothing)
            status, kind, content = answer(request)
            lines = (f"HTTP/1.1 {status} X", f"content-type: {kind}", "connection: close")
            size = f"content-length: {len(content)}"
            writer.write("\r\n".join((*lines, size, "", "")).encode() + content)
        finally:
            writer.close()


@asynccontextmanager
async def web_double(**further: Any) -> AsyncIterator[WebDouble]:
    """Serve on a free port of this machine."""
    double = WebDouble(**further)
    server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
    double.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield double
    finally:
        server.close()
        await server.wait_closed()
