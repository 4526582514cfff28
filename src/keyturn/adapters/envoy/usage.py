"""Reads the access log as it grows, to tell which API keys were used, and keeps it small.

Every line is read once. When the file has grown past its limit it is renamed to ``.1`` (one is
kept) and Envoy is told to open a new one; what was still written to the old one is read first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from keyturn.adapters.envoy.admin import EnvoyAdmin
from keyturn.adapters.envoy.gateway import touch_private
from keyturn.errors import Unreachable
from keyturn.gateway.access_log import latest_use

_CHUNK = 4 << 20
_LOOK_BACK = 256 << 10
_CHUNKS_PER_ROUND = 8


class AccessLogUsage:
    """A :class:`~keyturn.flows.ports.gateway.KeyUsage` over Envoy's access log."""

    def __init__(self, path: Path, admin: EnvoyAdmin, *, rotate_at: int = 16 << 20) -> None:
        """``rotate_at``: bytes above which the file is renamed and begun anew."""
        self._path = path
        self._admin = admin
        self._rotate_at = rotate_at
        self._descriptor: int | None = None
        self._rest = b""

    async def collect(self) -> Mapping[str, datetime]:
        """Return key id → latest request since the last call; rotates the file when it is due."""
        latest = await asyncio.to_thread(self._read)
        if await asyncio.to_thread(self._is_long):
            await self._rotate()
        return latest

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _read(self) -> dict[str, datetime]:
        latest: dict[str, datetime] = {}
        for _ in range(_CHUNKS_PER_ROUND):
            chunk = self._next_chunk()
            for key, moment in latest_use(self._lines(chunk)).items():
                latest[key] = max(moment, latest.get(key, moment))
            if len(chunk) < _CHUNK and not self._follow_rename():
                break
        return latest

    def _next_chunk(self) -> bytes:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY)
            except FileNotFoundError:
                return b""
            size = os.fstat(self._descriptor).st_size
            if size > _LOOK_BACK:
                os.lseek(self._descriptor, size - _LOOK_BACK, os.SEEK_SET)
        return os.read(self._descriptor, _CHUNK)

    def _lines(self, chunk: bytes) -> list[bytes]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[-_LOOK_BACK:]
        return whole

    def _follow_rename(self) -> bool:
        """Move on to the new file once the old one has been read to its end."""
        if self._descriptor is None:
            return False
        try:
            current = self._path.stat()
        except FileNotFoundError:
            return False
        if os.fstat(self._descriptor).st_ino == current.st_ino:
            return False
        os.close(self._descriptor)
        self._descriptor = os.open(self._path, os.O_RDONLY)
        self._rest = b""
        return True

    def _is_long(self) -> bool:
        try:
            return self._path.stat().st_size > self._rotate_at
        except FileNotFoundError:
            return False

    async def _rotate(self) -> None:
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        touch_private(self._path)
        # Envoy that is down opens the new file when it starts.
        with suppress(Unreachable):
            await self._admin.reopen_logs()
