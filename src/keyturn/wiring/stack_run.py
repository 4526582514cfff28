"""Runs one stack from lock to last breath: the body of `keyturn up`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from keyturn.adapters.folder_lock import FolderLock, holder
from keyturn.errors import Conflict, KeyturnError, UsageError
from keyturn.secret_access import reveal
from keyturn.stack.parts import PartStatus
from keyturn.wiring.local_keys import NAMES
from keyturn.wiring.locations import Locations, locations, read_state
from keyturn.wiring.stack import LocalStack
from keyturn.wiring.stack_logs import LogBook
from keyturn.wiring.stack_plan import UpOptions, make_plan
from keyturn.wiring.stack_state import StateFile

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AlreadyRunning(Conflict):
    """A stack runs in this data folder already."""

    code = "already_running"


class Interrupted(KeyturnError):
    """The start was interrupted; nothing is left running."""

    code = "interrupted"


@dataclass(frozen=True)
class Ready:
    """What a person or a script needs once everything answers; ``repr`` shows no secret."""

    api_url: str
    jwks_url: str
    console_url: str
    data_dir: str
    pid: int
    seconds: float
    database_url: str = field(repr=False)
    keys: dict[str, str] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the one JSON object of `up --json`; a key that is not known here is null."""
        always: dict[str, Any] = {name: self.keys.get(name) for name in NAMES[:2]}
        legacy: dict[str, Any] = {name: self.keys[name] for name in NAMES[2:] if name in self.keys}
        return {
            "api_url": self.api_url,
            "jwks_url": self.jwks_url,
            **always,
            "console_url": self.console_url,
            "database_url": self.database_url,
            **legacy,
            "data_dir": self.data_dir,
            "pid": self.pid,
            "seconds": round(self.seconds, 3),
        }


async def run_stack(
    options: UpOptions,
    *,
    on_ready: Callable[[Ready], None],
    on_stopping: Callable[[], None],
    show: Callable[[str, str], None],
) -> None:
    """Run until a stop signal; everything is stopped when this returns or raises.

    ``show`` gets a part's name and a line. Raises :class:`AlreadyRunning`, ``UsageError``,
    ``PortTaken``, :class:`Interrupted` when a signal came before all was ready, or the error of a
    part that cannot be kept alive.
    """
    where = locations(options.data_dir)
    make_folder(where)
    lock = FolderLock(where.lock)
    if not lock.acquire():
        raise already_running(where)
    try:
        await _run_locked(options, where, on_ready, on_stopping, show)
    finally:
        lock.release()


async def _run_locked(
    options: UpOptions,
    where: Locations,
    on_ready: Callable[[Ready], None],
    on_stopping: Callable[[], None],
    show: Callable[[str, str], None],
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    stopping = _stop_signals(loop)
    plan = make_plan(options)
    logs = LogBook(where, show)
    logs.open()

    def note(status: PartStatus) -> None:
        words = f"{status.name} is {status.state.value}"
        ended = f" (it {status.last_exit})" if status.last_exit and status.pid is None else ""
        logs.note(words + ended)
        state.write()

    stack = LocalStack(plan, on_line=logs.line, on_change=note)
    state = StateFile(stack, os.getpid())
    try:
        if not await _unless(stopping, stack.start()):
            raise Interrupted
        state.ready = True
        state.write()
        stack.follow_ring(state.write)
        on_ready(_ready(stack, loop.time() - began))
        failure = await _first(stopping, stack.supervisor.failed())
        if failure is not None:
            raise failure
    finally:
        on_stopping()
        await stack.stop()
        state.remove()
        logs.close()


def already_running(where: Locations) -> AlreadyRunning:
    """Return the error that explains a second `up` on the same folder."""
    held = holder(where.lock)
    with contextlib.suppress(KeyturnError):
        state = read_state(where)
        if state is not None:
            return AlreadyRunning(
                f"keyturn up already runs on {where.root}: pid {state.pid}, {state.api_url}.",
                hint=f"Look at it with `keyturn status`, stop it with `keyturn down --data-dir "
                f"{where.root}`, or choose another folder with --data-dir.",
            )
    who = f"pid {held.pid}" if held else "another process"
    return AlreadyRunning(
        f"keyturn up is just starting or stopping on {where.root} ({who}).",
        hint=f"Wait a moment, or stop it with `keyturn down --data-dir {where.root}`.",
    )


def make_folder(where: Locations) -> None:
    """Make the data folder (0700) when it is missing; raises ``UsageError`` when it cannot be."""
    try:
        where.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(where.root, os.W_OK | os.X_OK):
            raise PermissionError(13, "it is not writable")
    except OSError as problem:
        raise UsageError(
            f"The data folder {where.root} cannot be used: {problem.strerror}.",
            hint="Choose another one with --data-dir.",
        ) from problem


def _stop_signals(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    event = asyncio.Event()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, event.set)
    return event


async def _unless(stopping: asyncio.Event, work: Any) -> bool:
    """Do ``work`` and return True; False, with the work cancelled, when a stop signal came."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        task.cancel()
        waiting.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


async def _first(stopping: asyncio.Event, failed: Any) -> BaseException | None:
    """Wait for a stop signal (None) or the failure of a part."""
    failure = asyncio.ensure_future(failed)
    return failure.result() if await _unless(stopping, failure) else None


def _ready(stack: LocalStack, seconds: float) -> Ready:
    plan = stack.plan
    return Ready(
        api_url=plan.api_url,
        jwks_url=plan.jwks_url,
        console_url=f"{plan.api_url}/",
        data_dir=str(plan.where.root),
        pid=os.getpid(),
        seconds=seconds,
        database_url=reveal(stack.database_url("postgres", tcp=True)).decode(),
        keys=stack.api_keys,
    )
