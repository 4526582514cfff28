"""Keeps one part alive: start, wait until ready, notice its end, start again or give up."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from keyturn.clock import Clock
from keyturn.flows.ports.processes import Child, Launcher, describe_exit
from keyturn.stack.parts import Part, PartFailed, PartState, PartStatus
from keyturn.stack.restarts import GiveUp, classify, decide

_PROBE_SECONDS: Final = 0.02
_PROBE_TIMEOUT: Final = 2.0
_LAST_LINES: Final = 8


@dataclass(frozen=True)
class _Life:
    """One life of a child: how it ended, and how long it had been ready (None: never)."""

    exit_code: int
    ready_seconds: float | None


class Keeper:
    """One part's life cycle; :attr:`ready` is set while it is ready."""

    def __init__(
        self,
        part: Part,
        launcher: Launcher,
        clock: Clock,
        *,
        on_line: Callable[[str, str], None],
        on_change: Callable[[PartStatus], None],
    ) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self.status = PartStatus(part.name, PartState.WAITING, clock())
        self._launcher = launcher
        self._clock = clock
        self._on_line = on_line
        self._on_change = on_change
        self._child: Child | None = None
        self._tail: deque[str] = deque(maxlen=_LAST_LINES)
        self._stopping = False

    async def run(self, needs: Callable[[], Awaitable[None]]) -> None:
        """Keep the part alive until :meth:`stop`; ``needs`` waits for what it depends on.

        Raises :class:`PartFailed` when the restart policy gives up.
        """
        weight = 0
        was_ready = False
        while True:
            await needs()
            life = await self._live()
            if self._stopping:
                return
            death = classify(
                life.exit_code, was_ready_before=was_ready, ready_seconds=life.ready_seconds
            )
            was_ready = was_ready or life.ready_seconds is not None
            ended = describe_exit(life.exit_code)
            verdict = decide(death, weight)
            if isinstance(verdict, GiveUp):
                self._enter(PartState.FAILED, pid=None, last_exit=ended)
                raise PartFailed(self.part.name, ended, verdict.why, list(self._tail))
            weight = verdict.weight
            restarts = self.status.restarts + 1
            self._enter(PartState.RESTARTING, pid=None, last_exit=ended, restarts=restarts)
            await asyncio.sleep(verdict.delay)

    async def stop(self) -> None:
        """Stop the child, if there is one, and do not start another."""
        self._stopping = True
        if self._child is not None:
            await self._child.stop()
        self.ready.clear()
        if self.status.state is not PartState.FAILED:
            self._enter(PartState.STOPPED, pid=None)

    async def _live(self) -> _Life:
        """Start the child and return when it has ended."""
        loop = asyncio.get_running_loop()
        self._tail.clear()
        command = await self.part.command()
        child = self._child = await self._launcher.spawn(command, self._take_line)
        self._enter(PartState.STARTING, pid=child.pid)
        try:
            if not await self._became_ready(child):
                return _Life(await child.stop(), None)
            ready_at = loop.time()
            self.ready.set()
            self._enter(PartState.READY)
            return _Life(await child.wait(), loop.time() - ready_at)
        finally:
            self.ready.clear()
            self._child = None
            await child.stop()  # returns at once when it has ended

    async def _became_ready(self, child: Child) -> bool:
        """Return True when the probe says so; False when the child ended or time is up."""
        probing = asyncio.ensure_future(self._probe_until_ready())
        ending = asyncio.ensure_future(child.wait())
        try:
            done, _ = await asyncio.wait(
                (probing, ending),
                timeout=self.part.ready_timeout,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                self._take_line(f"keyturn: not ready after {self.part.ready_timeout:g} s")
            return probing in done and ending not in done and probing.result()
        finally:
            await _cancelled(probing, ending)

    async def _probe_until_ready(self) -> bool:
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                if await asyncio.wait_for(self.part.ready(), _PROBE_TIMEOUT):
                    return True
            await asyncio.sleep(_PROBE_SECONDS)

    def _take_line(self, line: str) -> None:
        self._tail.append(line)
        self._on_line(self.part.name, line)

    def _enter(self, state: PartState, **changes: Any) -> None:
        self.status = replace(self.status, state=state, since=self._clock(), **changes)
        self._on_change(self.status)


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    """Cancel ``tasks`` and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
