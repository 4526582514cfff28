"""Where an embedded cluster lives on disk, and as which user its server runs.

Everything is below ``root`` (0700). PostgreSQL refuses to run as root; when the caller is root, the
data folder belongs to an unprivileged user who may not enter ``root``. The server is then started
*inside* its data folder and knows it as ``/proc/self/cwd``: a link that the kernel follows without
asking for the folders above. So no folder is opened, and other programs of that user do not get in.
"""

from __future__ import annotations

import os
import pwd
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from keyturn.adapters.postgres.errors import NoPlaceForUser
from keyturn.adapters.postgres.install import Install, open_to, readable_copy

SHARED = Path("/var/lib/keyturn")
"""Where a copy of the binaries goes when the unprivileged user may not read the installed ones."""

HERE = "/proc/self/cwd"
SOCKETS = "run"
SOCKET_PATH_LIMIT = 103
"""Bytes of a socket path that every system accepts (107 on Linux, 103 on macOS)."""


@dataclass(frozen=True)
class Account:
    """The unprivileged user that the server runs as when the caller is root."""

    name: str
    uid: int
    gid: int

    def give(self, path: Path) -> None:
        """Make this account the owner of ``path``, which Keyturn has just created."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)


@dataclass(frozen=True)
class Layout:
    """Folders of one cluster; ``account`` is ``None`` when the caller itself runs the server."""

    root: Path
    account: Account | None
    install: Install

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "data"

    def as_server(self, data: Path) -> str:
        """Return the name by which a server started in ``data`` reaches it."""
        return HERE if self.account else str(data)


def unprivileged(name: str) -> Account | None:
    """Return the account to run as when the caller is root, else ``None``."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise NoPlaceForUser(
            f"PostgreSQL does not run as root, and there is no user {name!r} to run it as.",
            hint="Run keyturn as an ordinary user, or name an existing unprivileged one.",
        ) from None
    return Account(name, entry.pw_uid, entry.pw_gid)


def settle(root: Path, install: Install, account: Account | None, shared: Path = SHARED) -> Layout:
    """Return the layout of ``root``, with binaries that the server's user may read.

    Raises :class:`NoPlaceForUser` when the caller is root where that cannot be arranged.
    """
    if account is not None:
        if not sys.platform.startswith("linux"):
            raise NoPlaceForUser(
                "PostgreSQL does not run as root.", hint="Run keyturn as an ordinary user."
            )
        if not open_to(install.prefix / "bin", account.uid, account.gid):
            install = readable_copy(install, _make_shared(shared, account))
    return Layout(root, account, install)


def _make_shared(shared: Path, account: Account) -> Path:
    shared.mkdir(mode=0o755, exist_ok=True, parents=True)
    if not open_to(shared, account.uid, account.gid):
        raise NoPlaceForUser(
            f"PostgreSQL does not run as root, and user {account.name!r} may not enter {shared}.",
            hint=f"Run keyturn as an ordinary user, or let {account.name} enter {shared}.",
        )
    return shared


def socket_folder(layout: Layout) -> tuple[Path, bool]:
    """Return a 0700 folder for the socket, and whether it is a passing one to remove at the end.

    A path too long for a socket address is replaced by a short temporary folder.
    """
    folder = layout.data / SOCKETS
    if len(os.fsencode(folder / ".s.PGSQL.65535")) <= SOCKET_PATH_LIMIT:
        folder.mkdir(mode=0o700, exist_ok=True)
        passing = False
    else:
        folder = Path(tempfile.mkdtemp(prefix="kt-pg-"))
        passing = True
    if layout.account:
        layout.account.give(folder)
    return folder, passing
