"""The listening socket: bound once, by the parent, and shared by its workers."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import stat
from pathlib import Path
from typing import Final

from keyturn.errors import Conflict, UsageError

BACKLOG: Final = 2048
# A predecessor that was killed leaves workers that need a moment to see it and close the port.
_TRIES: Final = 30
_PAUSE: Final = 0.1


class AddressTaken(Conflict):
    """Something else listens there."""

    code = "address_taken"


class BadAddress(UsageError):
    """The address cannot be listened on."""

    code = "bad_address"


def listen(host: str, port: int) -> socket.socket:
    """Return a TCP socket that listens on ``host`` and ``port`` (0: a free one).

    Raises :class:`AddressTaken` after three seconds, or :class:`BadAddress`.
    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as problem:
        raise BadAddress(f"{host!r} is not an address to listen on: {problem.strerror}.") from None
    family, _, _, _, address = found[0]
    for last in (number == _TRIES - 1 for number in range(_TRIES)):
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(BACKLOG)
        except OSError as problem:
            bound.close()
            if problem.errno != errno.EADDRINUSE:
                raise BadAddress(f"Cannot listen on {host}:{port}: {problem.strerror}.") from None
            if last:
                break
            select.select([], [], [], _PAUSE)
        else:
            bound.setblocking(False)
            return bound
    raise AddressTaken(
        f"Port {port} of {host or 'every address'} is taken by another process.",
        hint="Stop it, or choose another port with --port.",
    )


def listen_on_path(path: Path) -> socket.socket:
    """Return a Unix socket at ``path`` for this user only; a stale one is replaced.

    Raises :class:`AddressTaken` when something listens there or ``path`` is not a socket.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise AddressTaken(f"{path} exists and is not a socket.")
        if _answers(path):
            raise AddressTaken(f"Another process listens on {path}.")
        path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
    except OSError as problem:
        bound.close()
        raise BadAddress(f"Cannot listen on {path}: {problem.strerror}.") from None
    bound.listen(BACKLOG)
    bound.setblocking(False)
    return bound


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
