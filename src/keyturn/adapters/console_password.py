"""The console's password: a bcrypt hash in the data folder (0600), read again at every attempt."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from keyturn.accounts.passwords import LIMIT_BYTES
from keyturn.adapters.files import write_private
from keyturn.errors import UsageError
from keyturn.flows.ports.hashing import PasswordHasher
from keyturn.secret import Secret
from keyturn.secret_access import reveal

SHORTEST: Final = 12
_LARGEST_FILE: Final = 1024


class ConsolePassword:
    """Implements :class:`keyturn.console.password.Password`; one attempt is checked at a time."""

    def __init__(self, path: Path, hasher: PasswordHasher) -> None:
        self._path = path
        self._hasher = hasher
        self._turn = asyncio.Lock()

    def is_set(self) -> bool:
        """Whether there is a password at all."""
        return self._path.exists()

    @property
    def turn(self) -> asyncio.Lock:
        """Held while an attempt is judged, so that a bound on failures cannot be outrun."""
        return self._turn

    async def fits(self, given: str) -> bool:
        """Compare in a thread; what is no password costs as much. Never raises for a bad file."""
        try:
            stored = self._path.read_bytes()[:_LARGEST_FILE].decode("ascii").strip()
        except (OSError, ValueError):
            stored = ""
        return await self._hasher.verify(given, stored or None)

    async def set(self, new: Secret) -> None:
        """Keep the hash of ``new``; raises ``UsageError`` when it is too short or too long."""
        text = _checked(new)
        write_private(self._path, (await self._hasher.hash(text)).encode() + b"\n")

    def remove(self) -> bool:
        """Forget the password; False when there was none."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True


def _checked(new: Secret) -> str:
    try:
        text = reveal(new).decode()
    except UnicodeDecodeError:
        raise UsageError("The password is not UTF-8 text.") from None
    if "\0" in text or "\n" in text or "\r" in text:
        raise UsageError("The password must be one line.")
    if len(text) < SHORTEST:
        raise UsageError(
            f"The password has {len(text)} characters; the console wants at least {SHORTEST}.",
            hint="Several random words are easy to keep: `openssl rand -base64 18` makes one.",
        )
    if len(text.encode()) > LIMIT_BYTES:
        raise UsageError(f"The password is longer than {LIMIT_BYTES} bytes, which bcrypt ignores.")
    return text
