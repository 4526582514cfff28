"""Serves the console of a deployment folder on loopback, until somebody stops it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keyturn.adapters import system
from keyturn.adapters.console_file import ConsoleFile, RunningConsole
from keyturn.adapters.console_key import console_key
from keyturn.console.deployment.jobs import Jobs
from keyturn.console.deployment.workbench import DeploymentServices
from keyturn.console.limiter import FailureLimiter
from keyturn.console.sessions import Role, Sessions
from keyturn.errors import Conflict, KeyturnError, Unreachable, UsageError
from keyturn.secret import Secret
from keyturn.wiring.console_bench import ConsoleOptions, Deeds, FolderBench, NoApiKeys
from keyturn.wiring.console_link import Link, make_link
from keyturn.wiring.deployment_folder import deployment_of
from keyturn.wiring.listening import listen

if TYPE_CHECKING:
    import uvicorn

DEFAULT_PORT: Final = 8100
_KEY_BYTES: Final = 32


class PortTaken(Conflict):
    """Another program listens on the console's port."""

    code = "port_taken"
    default_hint = "Give another one with --port; 0 takes any that is free."


class AlreadyRuns(Conflict):
    """A console for this folder runs already."""

    code = "console_runs"
    default_hint = "`keyturn console DIR --link` prints a new sign-in link to it."


class DeploymentConsole:
    """One console: opened with a socket, served until a signal, closed without a trace."""

    def __init__(self, options: ConsoleOptions, host: str, port: int) -> None:
        """Listen. Raises ``UsageError``, :class:`AlreadyRuns` and :class:`PortTaken`."""
        self._host = _loopback(host)
        self._bench = FolderBench(options, system.now)
        self._file = ConsoleFile(self._bench.workshop.folder)
        running = self._file.read()
        if running is not None:
            raise AlreadyRuns(f"A console for this folder runs already at {running.url}.")
        try:
            self._listening = listen(self._host, port)
        except OSError as problem:
            raise PortTaken(f"Port {port} cannot be listened on: {problem.strerror}.") from problem
        name = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{name}:{self._listening.getsockname()[1]}"
        self._master = Secret(system.entropy(_KEY_BYTES))
        self._file.write(RunningConsole(self.url, os.getpid(), self._master))
        self._services = self._opened()

    def _opened(self) -> DeploymentServices:
        deeds = Deeds(self._bench.workshop.folder)
        return DeploymentServices(
            api_keys=NoApiKeys(),
            audit=deeds,
            sessions=Sessions(console_key(self._master), system.now, system.entropy),
            limiter=FailureLimiter(system.now),
            clock=system.now,
            bench=self._bench,
            deeds=deeds,
            jobs=Jobs(system.now),
        )

    def link(self, actor: str, role: Role) -> Link:
        """Return a sign-in link to this console."""
        return make_link(console_key(self._master), self.url, actor=actor, role=role)

    async def serve(self, ready: Callable[[], None]) -> None:
        """Answer until SIGINT or SIGTERM; a change that goes on is left for *go on*."""
        import uvicorn

        from keyturn.console.deployment.app import deployment_app
        from keyturn.wiring.quiet_server import QuietServer

        config = uvicorn.Config(
            deployment_app(self._services, self._host),
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=1,
        )
        server = QuietServer(config)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop, server)
        try:
            loop.call_soon(ready)
            # Looked at before somebody comes, so that the first page does not wait for it.
            first = loop.create_task(self._look())
            await server.serve(sockets=[self._listening])
            await first
        finally:
            await self._services.jobs.close()

    async def _look(self) -> None:
        from keyturn.console.deployment.facts import gather
        from keyturn.console.view import compile_all

        await compile_all()
        with contextlib.suppress(KeyturnError):
            await gather(self._services)

    def close(self) -> None:
        """Forget the key of links and sessions."""
        self._listening.close()
        with contextlib.suppress(OSError):
            self._file.remove(os.getpid())

    def _stop(self, server: uvicorn.Server) -> None:
        self._services.streams.close()
        server.should_exit = True


def link_of_running(folder: str, *, actor: str, role: Role) -> Link:
    """Return a new link to the console that runs for ``folder``; raises ``Unreachable``."""
    path, _ = deployment_of(folder)
    running = ConsoleFile(Path(path)).read()
    if running is None:
        raise Unreachable(
            f"No console runs for {folder}.", hint=f"Start it with `keyturn console {folder}`."
        )
    return make_link(console_key(running.master), running.url, actor=actor, role=role)


def _loopback(host: str) -> str:
    name = "127.0.0.1" if host == "localhost" else host
    try:
        local = ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local:
        raise UsageError(
            f"{host} is not an address of this machine alone; the console is shown only on it.",
            hint=f"Leave --host out, and forward the port: ssh -L {DEFAULT_PORT}:127.0.0.1:"
            f"{DEFAULT_PORT} HOST.",
        )
    return name
