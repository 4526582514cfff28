"""Where an embedded cluster lives on disk, and as which user.

Not root: everything is below the caller's ``root``. Root: PostgreSQL refuses to run as root, and
``root`` is normally closed to others, so data and socket live in ``/var/lib/keyturn/<id>`` (0700,
owned by the unprivileged user) and ``root/location.json`` points there. Folders that existed
before keep their permissions in every case.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keyturn.adapters.files import write_private
from keyturn.adapters.postgres.errors import ClusterBroken, NoPlaceForUser
from keyturn.adapters.postgres.install import Install, open_to, readable_copy

SHARED = Path("/var/lib/keyturn")
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
    home: Path
    account: Account | None
    install: Install

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "data"


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


def settle(
    root: Path,
    install: Install,
    account: Account | None,
    entropy: Callable[[int], bytes],
    shared: Path = SHARED,
) -> Layout:
    """Choose (first time) or find (afterwards) the folders of the cluster of ``root``."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is None:
        return Layout(root, root, None, install)
    pointer = root / "location.json"
    if pointer.exists():
        home = _read_pointer(pointer)
    elif open_to(root, account.uid, account.gid):
        home = root / "cluster"
    else:
        home = _make_shared(shared, account) / entropy(6).hex()
    _make_home(home, account)
    if not pointer.exists():
        write_private(pointer, msgspec.json.encode({"home": str(home)}))
    if not open_to(install.prefix / "bin", account.uid, account.gid):
        install = readable_copy(install, _make_shared(shared, account))
    return Layout(root, home, account, install)


def _read_pointer(pointer: Path) -> Path:
    try:
        return Path(msgspec.json.decode(pointer.read_bytes(), type=dict[str, str])["home"])
    except (msgspec.DecodeError, KeyError):
        raise ClusterBroken(f'{pointer} should be {{"home": "<folder of the data>"}}.') from None


def _make_shared(shared: Path, account: Account) -> Path:
    shared.mkdir(mode=0o755, exist_ok=True, parents=True)
    if not open_to(shared, account.uid, account.gid):
        raise NoPlaceForUser(
            f"PostgreSQL does not run as root, and user {account.name!r} may not enter {shared}.",
            hint=f"Run keyturn as an ordinary user, or let {account.name} enter {shared}.",
        )
    return shared


def _make_home(home: Path, account: Account) -> None:
    try:
        home.mkdir(mode=0o700)
    except FileExistsError:
        return
    account.give(home)


def socket_folder(layout: Layout) -> tuple[Path, bool]:
    """Return a 0700 folder for the socket, and whether it is a passing one to remove at the end.

    A path too long for a socket address is replaced by a short temporary folder.
    """
    folder = layout.home / "run"
    if len(os.fsencode(folder / ".s.PGSQL.65535.lock")) <= SOCKET_PATH_LIMIT:
        folder.mkdir(mode=0o700, exist_ok=True)
        passing = False
    else:
        folder = Path(tempfile.mkdtemp(prefix="kt-pg-"))
        passing = True
    if layout.account:
        layout.account.give(folder)
    return folder, passing


def remove(root: Path) -> None:
    """Delete the cluster of ``root`` for good, wherever its data lives (tests, ``make clean``)."""
    pointer = root / "location.json"
    if pointer.exists():
        shutil.rmtree(_read_pointer(pointer), ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)
