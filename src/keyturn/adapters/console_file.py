"""``.keyturn/console.json``: where a deployment's console is reached, and the key of its links.

It is there while the console runs, 0600, so that its owner can have another sign-in link printed.
The key is made anew at every start, so that no link or session outlives the process.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from keyturn.adapters.files import write_private
from keyturn.adapters.journal_file import FOLDER, JournalFile
from keyturn.secret import Secret
from keyturn.secret_access import reveal

NAME: Final = "console.json"


@dataclass(frozen=True)
class RunningConsole:
    """One console; ``master`` is what its links and sessions are signed with."""

    url: str
    pid: int
    master: Secret = field(repr=False)


class ConsoleFile:
    """The file of one deployment folder."""

    def __init__(self, deployment: Path) -> None:
        self._journal = JournalFile(deployment)
        self._path = deployment / FOLDER / NAME

    def write(self, running: RunningConsole) -> None:
        """Replace it; raises ``OSError``."""
        self._journal.make()
        held = {"url": running.url, "pid": running.pid, "key": reveal(running.master).hex()}
        write_private(self._path, json.dumps(held).encode() + b"\n")

    def read(self) -> RunningConsole | None:
        """Return the console that runs, None when none does."""
        try:
            held = json.loads(self._path.read_bytes())
            found = RunningConsole(
                str(held["url"]), int(held["pid"]), Secret(bytes.fromhex(held["key"]))
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return found if _lives(found.pid) else None

    def remove(self, pid: int) -> None:
        """Delete it when it is that of the process ``pid``."""
        found = self.read()
        if found is not None and found.pid == pid:
            self._path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
