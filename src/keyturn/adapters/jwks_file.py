"""The last good key set, kept in a file so that a restart does not need the endpoint.

Whoever can write this file can sign every token, so it is believed only when no other user can
write it. It holds public keys only, and says where they came from and when.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from keyturn.adapters.files import write_private
from keyturn.errors import KeyturnError

_SCHEMA: Final = 1
_MAX_BYTES: Final = 1_048_576
_CLOCK_ERROR: Final = 300  # seconds that a file may come from the future


class LastGoodRefused(KeyturnError):
    """The file of the last good key set cannot be used."""

    code = "last_good_refused"


@dataclass(frozen=True)
class LastGood:
    """A key set as it was confirmed: ``age`` seconds ago, then good for ``ttl`` seconds."""

    jwks: dict[str, object]
    etag: str | None
    ttl: float
    age: float


class _Stored(msgspec.Struct):
    schema_version: int
    source: str
    confirmed_at: float
    ttl: float
    etag: str | None
    jwks: dict[str, object]


class LastGoodFile:
    """One file for one source; every method may raise ``OSError``."""

    def __init__(self, path: Path, *, source: str) -> None:
        """``source`` is the address of the keys: a file of another address is not believed."""
        self.path, self._source = path, source

    def load(self, *, unix_now: float) -> LastGood | None:
        """Return what was saved, None when there is no file; raises :class:`LastGoodRefused`."""
        try:
            raw = self._read()
        except FileNotFoundError:
            return None
        try:
            stored = msgspec.json.decode(raw, type=_Stored)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise LastGoodRefused(f"{self.path} is not a saved key set") from None
        if stored.schema_version != _SCHEMA or stored.source != self._source:
            raise LastGoodRefused(
                f"{self.path} holds the keys of another address or version",
                hint="Give every verifier a file of its own.",
            )
        age = unix_now - stored.confirmed_at
        if age < -_CLOCK_ERROR:
            raise LastGoodRefused(f"{self.path} comes from the future; is the clock right?")
        return LastGood(stored.jwks, stored.etag, stored.ttl, max(age, 0.0))

    def save(
        self, jwks: Mapping[str, object], *, etag: str | None, ttl: float, unix_now: float
    ) -> None:
        """Replace the file, mode 0600, in one step."""
        stored = _Stored(_SCHEMA, self._source, unix_now, ttl, etag, dict(jwks))
        write_private(self.path, msgspec.json.encode(stored))

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> bytes:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise LastGoodRefused(f"{self.path} is not a file")
            if found.st_uid not in {os.geteuid(), 0} or found.st_mode & 0o022:
                raise LastGoodRefused(
                    f"{self.path} can be written by others",
                    hint="Whoever writes it can sign tokens: remove it, and check the folder.",
                )
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise LastGoodRefused(f"{self.path} is longer than {_MAX_BYTES} bytes")
        return raw
