"""Runs one stack from lock to last breath: the body of `keyturn up`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any, Final

from keyturn.adapters.folder_lock import FolderLock
from keyturn.secret_access import reveal
from keyturn.stack.parts import PartStatus
from keyturn.wiring.locations import Locations, locations
from keyturn.wiring.stack import LocalStack
from keyturn.wiring.stack_keys import secret_warnings
from keyturn.wiring.stack_logs import LogBook
from keyturn.wiring.stack_options import (
    Interrupted,
    Ready,
    UpOptions,
    already_running,
    make_folder,
)
from keyturn.wiring.stack_plan import make_plan, setting_warnings
from keyturn.wiring.stack_state import StateFile

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        save()

    def save() -> None:
        # What `keyturn status` shows may be late; no part is stopped for that.
        try:
            state.write()
        except OSError as problem:
            logs.note(f"{plan.where.state} cannot be written: {problem.strerror}")

    stack = LocalStack(plan, on_line=logs.line, on_change=note)
    state = StateFile(stack, os.getpid())
    try:
        if not await _unless(stopping, stack.start()):
            raise Interrupted
        state.ready = True
        state.write()
        stack.follow_ring(save)
        on_ready(_ready(stack, loop.time() - began))
        failure = await _first(stopping, stack.supervisor.failed())
        if failure is not None:
            raise failure
    finally:
        on_stopping()
        await stack.stop()
        state.remove()
        logs.close()


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
    warnings = [*setting_warnings(plan.settings)]
    if stack.ring is not None:
        secret = plan.settings.process.legacy_secret
        warnings += secret_warnings(secret, stack.ring.current())
    return Ready(
        api_url=plan.api_url,
        jwks_url=plan.jwks_url,
        console_url=plan.console_url,
        data_dir=str(plan.where.root),
        pid=os.getpid(),
        seconds=seconds,
        database_url=reveal(stack.database_url("postgres", tcp=True)).decode(),
        keys=stack.api_keys,
        console_link=stack.console_link("keyturn up").url,
        warnings=tuple(warnings),
    )
