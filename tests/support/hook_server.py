"""A web server for hooks that keeps what it was sent and answers what a test tells it to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
KEY = b"thirty-two bytes that are public"
SECRET = "v1,whsec_" + base64.b64encode(KEY).decode()
JSON = {"content-type": "application/json"}


@dataclass
class Asked:
    """One request: headers in lower case."""

    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The payload."""
        return json.loads(self.body)

    def signed_by(self, key: bytes = KEY) -> bool:
        """Tell whether one of the signatures is right, as Standard Webhooks 1.0 checks it."""
        text = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode()
        digest = hmac.new(key, text + self.body, hashlib.sha256).digest()
        right = "v1," + base64.b64encode(digest).decode()
        return right in self.headers["webhook-signature"].split(" ")


@dataclass
class HookServer:
    """What it answers may be changed at any time; ``answer`` sees the request."""

    url: str = ""
    answer: Callable[[Asked], Answer] = lambda asked: (200, JSON, b"{}")
    asked: list[Asked] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def says(self, document: object, status: int = 200) -> None:
        """Answer with ``document`` from now on."""
        self.answer = lambda asked: (status, JSON, json.dumps(document).encode())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request per connection."""
        try:
            await self._exchange(reader, writer)
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        asked = Asked(headers, await reader.readexactly(int(headers.get("content-length", "0"))))
        self.asked.append(asked)
        await asyncio.wait_for(self.released.wait(), 30)
        status, given, body = self.answer(asked)
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in given.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)


@asynccontextmanager
async def hook_server() -> AsyncIterator[HookServer]:
    """Serve on a free port of this machine."""
    served = HookServer()
    served.released.set()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield served
    finally:
        served.released.set()
        server.close()
        await server.wait_closed()
