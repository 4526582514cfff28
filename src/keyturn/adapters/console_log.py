"""Who did what through the console of a deployment: ``.keyturn/console.jsonl``, 0600, appended."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from keyturn.adapters.journal_file import FOLDER, JournalFile

NAME: Final = "console.jsonl"
_TAIL: Final = 262_144
"""Bytes from the end that are looked at for the newest lines."""


class ConsoleLog:
    """Lines of ``{at, actor, verb, what}``; nothing in them is a secret."""

    def __init__(self, deployment: Path) -> None:
        """``deployment`` is the folder of the compose files; made is only what is needed."""
        self._journal = JournalFile(deployment)
        self._path = deployment / FOLDER / NAME

    def add(self, at: datetime, actor: str, verb: str, what: str) -> None:
        """Append one line; raises ``OSError``."""
        self._journal.make()
        line = {"at": at.isoformat(), "actor": actor, "verb": verb, "what": what}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        finally:
            os.close(descriptor)

    def newest(self, limit: int) -> Sequence[tuple[datetime, str, str, str]]:
        """Return up to ``limit`` lines, newest first; what cannot be read is left out."""
        found: list[tuple[datetime, str, str, str]] = []
        for line in reversed(self._tail().splitlines()):
            if len(found) == limit:
                break
            try:
                known = json.loads(line)
                at = datetime.fromisoformat(known["at"])
                found.append((at, str(known["actor"]), str(known["verb"]), str(known["what"])))
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def _tail(self) -> bytes:
        try:
            with self._path.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - _TAIL))
                return stream.read()
        except FileNotFoundError:
            return b""
