"""Starts parts in the order of their needs, in parallel where it can, and stops them in reverse.

It knows no operating system: processes come from a
:class:`~keyturn.flows.ports.processes.Launcher`, and ``restarts.py`` decides about restarts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from keyturn.clock import Clock
from keyturn.flows.ports.processes import Launcher
from keyturn.stack.keeper import Keeper
from keyturn.stack.parts import Part, PartStatus, Step


class Supervisor:
    """Runs parts and steps; :meth:`failed` ends when one of them cannot go on."""

    def __init__(
        self,
        launcher: Launcher,
        clock: Clock,
        *,
        on_line: Callable[[str, str], None],
        on_change: Callable[[PartStatus], None],
    ) -> None:
        """``on_line`` gets a part's name and a line of output; ``on_change`` each new status."""
        self._launcher: Final = launcher
        self._clock: Final = clock
        self._on_line: Final = on_line
        self._on_change: Final = on_change
        self._keepers: dict[str, Keeper] = {}
        self._steps: dict[str, Step] = {}
        self._events: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failure: asyncio.Future[BaseException] | None = None

    def statuses(self) -> list[PartStatus]:
        """Return how each part stands, in the order in which they were given."""
        return [keeper.status for keeper in self._keepers.values()]

    async def start(self, parts: Sequence[Part], steps: Sequence[Step] = ()) -> None:
        """Start everything; return when all parts are ready and all steps done.

        Raises what the first failing part or step raised; the caller then calls :meth:`stop`.
        """
        self._failure = asyncio.get_running_loop().create_future()
        for part in parts:
            keeper = self._keepers[part.name] = Keeper(
                part, self._launcher, self._clock, on_line=self._on_line, on_change=self._on_change
            )
            self._events[part.name] = keeper.ready
        for step in steps:
            self._steps[step.name] = step
            self._events[step.name] = asyncio.Event()
        for step in steps:
            self._begin(step.name, self._run_step(step))
        for part in parts:
            self._begin(part.name, self._keepers[part.name].run(self._waiter(part.needs)))
        await self._all_ready()

    async def failed(self) -> BaseException:
        """Wait until a part or step cannot go on; return why."""
        if self._failure is None:
            raise RuntimeError("failed() is asked after start()")
        return await asyncio.shield(self._failure)

    async def stop(self) -> None:
        """Stop everything, each after those that need it; nothing is running afterwards."""
        needs = {name: self._needs(name) for name in self._events}
        for names in stop_order(needs):
            await asyncio.gather(*(self._end(name) for name in names))

    def watch(self, task: asyncio.Task[None]) -> None:
        """Take an exception that ends a step's background ``task`` as a failure of the stack."""
        task.add_done_callback(self._note_failure)

    def _needs(self, name: str) -> tuple[str, ...]:
        keeper = self._keepers.get(name)
        return keeper.part.needs if keeper else self._steps[name].needs

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[name] = asyncio.create_task(work, name=name)
        self.watch(task)

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failure is not None and not self._failure.done():
            self._failure.set_result(error)

    async def _run_step(self, step: Step) -> None:
        await self._waiter(step.needs)()
        await step.run()
        self._events[step.name].set()

    def _waiter(self, needs: Sequence[str]) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            for name in needs:
                await self._events[name].wait()

        return wait

    async def _all_ready(self) -> None:
        everything = asyncio.gather(*(event.wait() for event in self._events.values()))
        failure = asyncio.ensure_future(self.failed())
        try:
            await asyncio.wait((everything, failure), return_when=asyncio.FIRST_COMPLETED)
            if failure.done():
                raise failure.result()
        finally:
            everything.cancel()
            failure.cancel()
            await asyncio.gather(everything, failure, return_exceptions=True)

    async def _end(self, name: str) -> None:
        keeper = self._keepers.get(name)
        if keeper is not None:
            await keeper.stop()
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if name in self._steps:
            await self._steps[name].close()


def stop_order(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return groups of names, each group stopped together, dependents before what they need."""
    left = dict(needs)
    order: list[list[str]] = []
    while left:
        needed = {need for wanted in left.values() for need in wanted}
        # A cycle cannot start, but it must not keep us from stopping.
        group = [name for name in left if name not in needed] or list(left)
        order.append(group)
        for name in group:
            del left[name]
    return order
