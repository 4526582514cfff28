"""Runs a rehearsal from what the command line says."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from keyturn.adapters import system
from keyturn.deploy.source import Ask
from keyturn.flows.rehearse import Moment, Rehearsal
from keyturn.flows.rehearse_crowd import People
from keyturn.flows.rehearse_naive import NaiveRehearsal
from keyturn.flows.rehearse_report import Report
from keyturn.wiring.deployment_folder import deployment_of
from keyturn.wiring.rehearsal import fast_clock, open_stage

Watch = Callable[[Moment], None]


@dataclass(frozen=True, slots=True)
class RehearsalOptions:
    """What the command line says."""

    folder: str
    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    naive: bool = False
    people: People = field(default_factory=People)


def run_rehearsal(options: RehearsalOptions, watch: Watch) -> dict[str, Report]:
    """Return what came of it, by the name of the way: ``keyturn``, or the two naive ones."""
    folder, ask = deployment_of(options.folder, options.files, options.env_files, options.profiles)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_stoppable(_rehearsed(folder, ask, options, watch)))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def rehearse_in_thread(options: RehearsalOptions, watch: Watch) -> dict[str, Report]:
    """Do the same beside a server: in a thread, whose loop the local services have to themselves.

    Cancelling the call ends the rehearsal and waits until the copy, which holds secrets, is gone.
    """
    folder, ask = deployment_of(options.folder, options.files, options.env_files, options.profiles)
    loop = asyncio.new_event_loop()
    task = loop.create_task(_rehearsed(folder, ask, options, watch))

    def run() -> dict[str, Report]:
        try:
            return loop.run_until_complete(task)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    working = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        if not working.done():
            loop.call_soon_threadsafe(task.cancel)
            await asyncio.gather(working, return_exceptions=True)
        raise


async def _stoppable(work: Coroutine[Any, Any, dict[str, Report]]) -> dict[str, Report]:
    """End ``work`` by a stop signal as by Ctrl-C: the copy, which holds secrets, is deleted."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _rehearsed(
    folder: Path, ask: Ask, options: RehearsalOptions, watch: Watch
) -> dict[str, Report]:
    if not options.naive:
        clock = fast_clock()
        async with open_stage(folder, ask, clock) as stage:
            rehearsal = Rehearsal(stage, clock, options.people, system.entropy, watch)
            return {"keyturn": await rehearsal.run()}
    reports = {}
    for name in ("article", "script"):
        clock = fast_clock()
        async with open_stage(folder, ask, clock) as stage:
            naive = NaiveRehearsal(stage, clock, options.people, system.entropy, watch)
            reports[name] = await (naive.article() if name == "article" else naive.script())
    return reports
