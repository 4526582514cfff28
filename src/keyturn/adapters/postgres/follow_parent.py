"""``python -I -S follow_parent.py SIGNAL UID GID PROGRAM ARG…``: become PROGRAM, safely.

Run as a script between fork and exec of a server: it gives up root (``UID`` −1: nothing to give
up), asks the kernel (Linux) for ``SIGNAL`` when the parent's starting thread ends, and turns into
the program. The order matters: a change of user clears the request (prctl(2)). A script instead
of ``preexec_fn``, because code between fork and exec of a threaded process may deadlock.
Imports nothing of Keyturn: it runs isolated, before privileges are dropped.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import cast

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Drop privileges, follow the parent, exec; never returns."""
    number, uid, gid = (int(word) for word in arguments[:3])
    parent = os.getppid()
    request = _death_request()  # loaded while the interpreter's folder is surely readable
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    request(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(arguments[3], arguments[3:])


def _death_request() -> Callable[[int, int], object]:
    if not sys.platform.startswith("linux"):
        return lambda *_: None
    return cast("Callable[[int, int], object]", ctypes.CDLL(None).prctl)


if __name__ == "__main__":
    main(sys.argv[1:])
