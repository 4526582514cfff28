"""Sets and removes the password of a data folder's console."""

from __future__ import annotations

import asyncio

from keyturn.adapters.console_password import ConsolePassword
from keyturn.adapters.hashing import ThreadedHasher
from keyturn.errors import UsageError
from keyturn.secret import Secret
from keyturn.wiring.locations import Locations, locations


def set_password(data_dir: str | None, new: Secret) -> str:
    """Keep the hash of ``new`` in the data folder and return its path.

    Raises ``UsageError`` for a password that is too short or too long, and without a data folder.
    """
    where = _existing(data_dir)
    hasher = ThreadedHasher(threads=1)
    try:
        asyncio.run(ConsolePassword(where.console_password, hasher).set(new))
    finally:
        hasher.close()
    return str(where.console_password)


def remove_password(data_dir: str | None) -> bool:
    """Let only links in from now on; False when there was no password."""
    where = _existing(data_dir)
    hasher = ThreadedHasher(threads=1)
    try:
        return ConsolePassword(where.console_password, hasher).remove()
    finally:
        hasher.close()


def _existing(data_dir: str | None) -> Locations:
    where = locations(data_dir)
    if not where.root.is_dir():
        raise UsageError(
            f"There is no data folder {where.root}.",
            hint="Run `keyturn up` first, or name its folder with --data-dir.",
        )
    return where
