"""Children that never outlive us: spawn, read their lines, stop.

On Linux the kernel sends a child its stop signal when this process dies (``PR_SET_PDEATHSIG``), so
even ``kill -9`` of the supervisor leaves nothing running. Each child leads its own process group:
Ctrl-C in a terminal reaches only the supervisor, and a group can be cleaned up as one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Final

from keyturn.adapters.process_identity import send_signal
from keyturn.flows.ports.processes import CannotStart, Command

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_LONGEST_LINE: Final = 16 * 1024
_LINUX: Final = sys.platform.startswith("linux")
# Loaded before any fork: the child may not import.
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if _LINUX else None


class ProcessLauncher:
    """The :class:`~keyturn.flows.ports.processes.Launcher` of this machine."""

    async def spawn(self, command: Command, on_line: Callable[[str], None]) -> ChildProcess:
        """Start ``command`` in its own group, with nothing on stdin."""
        loop = asyncio.get_running_loop()
        child = ChildProcess(command, on_line, loop)
        try:
            transport, _ = await loop.subprocess_exec(
                lambda: child,
                *command.argv,
                env=dict(command.env),
                cwd=command.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                preexec_fn=_before_exec(command),
            )
        except (OSError, RuntimeError, subprocess.SubprocessError) as problem:
            reason = getattr(problem, "strerror", None) or type(problem).__name__
            raise CannotStart(
                f"{command.name} could not be started: {command.argv[0]}: {reason}."
            ) from problem
        child.started(transport)
        return child


class ChildProcess(asyncio.SubprocessProtocol):
    """One running child; :meth:`wait` may be called by many."""

    def __init__(
        self, command: Command, on_line: Callable[[str], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._command = command
        self._on_line = on_line
        self._rest = b""
        self._ended: asyncio.Future[int] = loop.create_future()
        self._lines_ended = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None
        self._pid = 0

    def started(self, transport: asyncio.SubprocessTransport) -> None:
        """Take note of the process."""
        self._transport = transport
        self._pid = transport.get_pid()
        if transport.get_returncode() is not None:
            self.process_exited()

    @property
    def pid(self) -> int:
        """The process id, which is also the id of the process group."""
        return self._pid

    async def wait(self) -> int:
        """Return the exit code; its last lines have been handed over by then.

        What the process left behind in its group (workers of a killed parent) is killed, so that
        the next start finds its port free.
        """
        code = await asyncio.shield(self._ended)
        _signal_group(self._pid, signal.SIGKILL)
        # A grandchild that left the group may hold the pipe open: do not wait for it for long.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lines_ended.wait(), 1.0)
        if self._transport is not None:
            self._transport.close()
        return code

    async def stop(self) -> int:
        """Send the stop signal, then SIGKILL to the group after the grace; return the exit code."""
        if not self._ended.done():
            send_signal(self._pid, self._command.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._ended), self._command.grace)
        if not self._ended.done():
            _signal_group(self._pid, signal.SIGKILL)
        return await self.wait()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Split the stream into lines; an endless line is cut."""
        del fd
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._deliver(line)
        if len(self._rest) > _LONGEST_LINE:
            self._deliver(self._rest)
            self._rest = b""

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Hand over a last line without a newline."""
        del fd, exc
        if self._rest:
            self._deliver(self._rest)
            self._rest = b""
        self._lines_ended.set()

    def process_exited(self) -> None:
        """Take the exit code; it may be known before :meth:`started` was called."""
        code = self._transport.get_returncode() if self._transport else None
        if code is not None and not self._ended.done():
            self._ended.set_result(code)

    def _deliver(self, line: bytes) -> None:
        self._on_line(line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r"))


def _before_exec(command: Command) -> Callable[[], None]:
    """Return what the child does between fork and exec: only system calls, no imports."""
    user, follow = _user_to_become(command), dies_with_parent(command.stop_signal)

    def prepare() -> None:
        os.setpgid(0, 0)
        if user is not None:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        follow()  # after setuid, which would clear it

    return prepare


def dies_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return a ``preexec_fn``: the kernel sends ``number`` to the child when this process dies."""
    parent = os.getpid()

    def follow() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent died between fork and prctl

    return follow


def _user_to_become(command: Command) -> pwd.struct_passwd | None:
    """Return the user that ``command`` asks for; None unless we are root."""
    if command.user is None or os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(command.user)
    except KeyError:
        raise CannotStart(
            f"{command.name} must run as user {command.user!r}, which this machine does not have."
        ) from None


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
