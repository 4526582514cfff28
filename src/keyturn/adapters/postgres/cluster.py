"""PostgreSQL 18 of Keyturn's own: made, configured, started, stopped, recovered.

Measured choices are in stack.md §1. The owner of a cluster holds ``root/lock`` from
:meth:`EmbeddedPostgres.prepare` to :meth:`EmbeddedPostgres.close`. A supervisor runs
:meth:`EmbeddedPostgres.command` and polls :meth:`EmbeddedPostgres.ready`; tests use
:meth:`EmbeddedPostgres.start` and :meth:`EmbeddedPostgres.stop`.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from keyturn.adapters import system
from keyturn.adapters.files import write_private
from keyturn.adapters.postgres import initialise, postmaster
from keyturn.adapters.postgres.child import following, spawn
from keyturn.adapters.postgres.errors import ClusterBroken
from keyturn.adapters.postgres.install import Install, find_install
from keyturn.adapters.postgres.layout import (
    SHARED,
    SOCKETS,
    Layout,
    settle,
    socket_folder,
    unprivileged,
)
from keyturn.adapters.postgres.ownership import Ownership
from keyturn.adapters.postgres.roles import load_passwords
from keyturn.flows.ports.processes import Command
from keyturn.secret import Secret
from keyturn.secret_access import reveal

LOOPBACK = "127.0.0.1"
_POLL = 0.01


class EmbeddedPostgres:
    """One embedded cluster below ``root``; at most one owner at a time."""

    def __init__(
        self,
        root: Path,
        *,
        port: int | None = None,
        run_as: str = "nobody",
        shared: Path = SHARED,
        install: Install | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        """``port`` is the loopback port: given, else the last one used, else a free one.

        ``run_as`` names the user that the server runs as when the caller is root, and ``shared``
        a folder for binaries that this user may read. ``start_timeout`` (seconds) covers crash
        recovery.
        """
        self.root = root
        self._wanted_port = port
        self._run_as = run_as
        self._shared = shared
        self._install = install
        self._start_timeout = start_timeout
        self._ownership = Ownership(root / "lock")
        self._layout: Layout | None = None
        self._passwords: Mapping[str, Secret] = {}
        self._socket: Path | None = None
        self._socket_passes = False
        self._port = 0
        self._child: subprocess.Popen[bytes] | None = None

    async def prepare(self) -> None:
        """Take the lock, create the cluster when there is none, settle port and socket.

        Idempotent. Raises ``ClusterInUse`` when another process owns ``root``, ``ClusterBroken``
        with PostgreSQL's words when it cannot be made, ``NoPlaceForUser`` and ``BinariesMissing``.
        """
        if self._layout is not None:
            return
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ownership.take()
        try:
            await asyncio.to_thread(self._settle)
        except BaseException:
            self._ownership.release()
            raise

    def _settle(self) -> None:
        account = unprivileged(self._run_as)
        install = self._install or find_install()
        layout = settle(self.root, install, account, self._shared)
        self._passwords = load_passwords(self.root / "passwords.json", system.entropy)
        postmaster.stop_orphan(layout.data)
        postmaster.release_stale(layout.data)
        initialise.create(layout, self._passwords, system.entropy)
        initialise.restrict(layout)
        self._port = _choose_port(self._wanted_port, self.root / "port")
        self._socket, self._socket_passes = socket_folder(layout)
        self._layout = layout

    @property
    def layout(self) -> Layout:
        """Where it lives; raises :class:`ClusterBroken` before :meth:`prepare`."""
        if self._layout is None:
            raise ClusterBroken("The embedded database has not been prepared.")
        return self._layout

    @property
    def port(self) -> int:
        """The loopback TCP port."""
        return self._port

    @property
    def socket_dir(self) -> Path:
        """The 0700 folder of the Unix socket."""
        if self._socket is None:
            raise ClusterBroken("The embedded database has not been prepared.")
        return self._socket

    def binary(self, name: str) -> Path:
        """Return the path of a PostgreSQL program (``psql``, ``pgbench``, ``pg_dump``)."""
        return self.layout.install.binary(name)

    def dsn(
        self,
        role: str = "supabase_auth_admin",
        database: str = "postgres",
        *,
        tcp: bool = False,
    ) -> Secret:
        """Return the URL for ``role``: over the Unix socket, or over loopback TCP with ``tcp``."""
        password = reveal(self._passwords[role]).decode()
        place = f"{LOOPBACK}:{self._port}" if tcp else ""
        query = "" if tcp else f"?host={quote(str(self.socket_dir), safe='')}&port={self._port}"
        return Secret(f"postgresql://{role}:{quote(password)}@{place}/{quote(database)}{query}")

    def command(self) -> Command:
        """Return the foreground server as a value for a supervisor.

        The server gives up root by itself and stops when the thread that started it ends (Linux);
        elsewhere the next owner's :meth:`prepare` stops an orphan.
        """
        layout = self.layout
        sockets = self.socket_dir if self._socket_passes else SOCKETS
        server = (
            str(layout.install.binary("postgres")),
            *("-D", layout.as_server(layout.data), "-p", str(self._port)),
            *("-c", f"listen_addresses={LOOPBACK}"),
            *("-c", f"unix_socket_directories={sockets}"),
            *("-c", "unix_socket_permissions=0700"),
        )
        return Command(
            name="postgres",
            argv=following(server, layout.account, signal.SIGINT),
            env=initialise.ENVIRONMENT,
            cwd=str(layout.data),
            stop_signal=signal.SIGINT,
        )

    async def ready(self) -> bool:
        """Tell whether the server accepts connections now."""
        return postmaster.is_ready(self.layout.data, self.socket_dir, self._port)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, or ``None`` when it does not run."""
        return postmaster.running_pid(self.layout.data)

    async def start(self) -> None:
        """Prepare, start the server as a child unless it runs, and wait until it is ready.

        A server killed a moment ago may still hold its shared memory: that is tried again until
        ``start_timeout``. Raises :class:`ClusterBroken`, with the end of the log.
        """
        await self.prepare()
        if self._child is not None and self._child.poll() is None:
            return  # poll() also reaps one that was killed: PostgreSQL takes a zombie for alive
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._start_timeout
        log = self.root / "postgres.log"
        while True:
            with log.open("ab") as stream:
                self._child = spawn(self.command(), stream)
            if await self._comes_up(self._child, deadline):
                return
            if clock() > deadline or not _held_by_remains(log):
                await self.stop()
                raise ClusterBroken(f"PostgreSQL did not start: {_tail(log)}", hint=f"See {log}.")
            await asyncio.sleep(0.1)

    async def _comes_up(self, child: subprocess.Popen[bytes], deadline: float) -> bool:
        clock = asyncio.get_running_loop().time
        while child.poll() is None and clock() < deadline:
            if await self.ready():
                return True
            await asyncio.sleep(_POLL)
        return False

    async def stop(self, *, grace: float = 10.0) -> None:
        """Stop the child: fast shutdown, after ``grace`` seconds immediate, then kill."""
        child, self._child = self._child, None
        if child is None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if child.poll() is None:
                child.send_signal(number)
            if await _ended(child, grace):
                return

    def close(self) -> None:
        """Give up the lock and a passing socket folder; stop the server first."""
        if self._socket_passes and self._socket is not None:
            shutil.rmtree(self._socket, ignore_errors=True)
        self._layout = None
        self._ownership.release()

    def destroy(self) -> None:
        """Delete the stopped cluster for good."""
        self.close()
        shutil.rmtree(self.root, ignore_errors=True)


async def _ended(child: subprocess.Popen[bytes], seconds: float) -> bool:
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while child.poll() is None:
        if clock() > deadline:
            return False
        await asyncio.sleep(_POLL)
    return True


def _choose_port(wanted: int | None, memory: Path) -> int:
    remembered = int(memory.read_text()) if memory.exists() else 0
    port = wanted or (remembered if remembered and _is_free(remembered) else _free_port())
    if port != remembered:
        write_private(memory, str(port).encode())
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def _tail(log: Path) -> str:
    return " ".join(log.read_bytes()[-800:].decode(errors="replace").split())


def _held_by_remains(log: Path) -> bool:
    return "is still in use" in _tail(log)
