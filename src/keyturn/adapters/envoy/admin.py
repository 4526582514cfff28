"""Talks to Envoy's admin interface over its Unix socket, which only the owner may open."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from keyturn.errors import Unreachable
from keyturn.gateway.bootstrap import ADMIN_SOCKET
from keyturn.gateway.route_config import NAME

_TIMEOUT = 2.0
_LONGEST_PATH = 107
_LONGEST_ANSWER = 1 << 20
_VERSION = re.compile(rf'rds\.{NAME}\.version_text: "([0-9a-f]*)"')
_COUNTER = re.compile(r"^(\S+): (\d+)$", re.MULTILINE)


class EnvoyAdmin:
    """A few questions to a running Envoy; all raise ``Unreachable`` when it does not answer."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def live(self) -> bool:
        """True once listeners and routes are in place; False while Envoy is down or starting."""
        try:
            return (await self._ask("GET", "/ready")).strip() == "LIVE"
        except Unreachable:
            return False

    async def routes_version(self) -> str:
        """Return the version of the routes file that is being served (empty: none yet)."""
        found = _VERSION.search(await self._ask("GET", "/stats?filter=rds.*version_text"))
        return found.group(1) if found else ""

    async def counters(self, pattern: str) -> dict[str, int]:
        """Return Envoy's counters and gauges whose name matches the regular expression."""
        text = await self._ask("GET", f"/stats?filter={pattern}")
        return {name: int(value) for name, value in _COUNTER.findall(text)}

    async def reopen_logs(self) -> None:
        """Make Envoy open its log files anew, after they were renamed."""
        await self._ask("POST", "/reopen_logs")

    async def _ask(self, method: str, path: str) -> str:
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._exchange(method, path)
        except (OSError, TimeoutError, ValueError) as error:
            raise Unreachable(
                f"Envoy's admin interface does not answer: {type(error).__name__}.",
                hint="Is the gateway running?",
            ) from error

    async def _exchange(self, method: str, path: str) -> str:
        reader, writer = await self._connect()
        try:
            request = f"{method} {path} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n"
            writer.write(f"{request}content-length: 0\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            body = await reader.read(_LONGEST_ANSWER)
            while chunk := await reader.read(_LONGEST_ANSWER):
                body += chunk
        finally:
            writer.close()
        if " 200 " not in head.split("\r\n", 1)[0]:
            return ""
        return _unchunk(body) if "transfer-encoding: chunked" in head.lower() else body.decode()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        path = self._directory / ADMIN_SOCKET
        if len(os.fsencode(path)) <= _LONGEST_PATH:
            return await asyncio.open_unix_connection(str(path))
        # A longer path does not fit into a socket address; through the open folder it does.
        folder = os.open(self._directory, os.O_RDONLY)
        try:
            return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{ADMIN_SOCKET}")
        finally:
            os.close(folder)


def _unchunk(body: bytes) -> str:
    parts: list[bytes] = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            break
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts).decode()
