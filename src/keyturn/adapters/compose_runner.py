"""Containers through ``docker compose`` v2, ``docker-compose`` v1 or ``podman-compose``.

A service is created anew with ``up -d --no-deps --force-recreate SERVICE``: one service, not what
it depends on, and also when only the content of a mounted file changed. ``podman-compose`` creates
the running services that depend on it anew as well (its 1.6.0 does so by itself).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from keyturn.adapters.compose_health import (
    Condition,
    Seen,
    from_compose,
    from_inspect,
    from_podman,
)
from keyturn.adapters.compose_program import Finished, Program, Shell, creating, telling
from keyturn.deploy.rewrite_dialect import Dialect
from keyturn.deploy.source import Ask
from keyturn.errors import Unreachable
from keyturn.flows.ports.apply import ServiceFailed
from keyturn.migrate.commands import Way

_SETTLED: Final = 3
"""A container without healthcheck counts as up when it was seen running this often in a row."""
_RESTARTS: Final = 3


class ComposeRunner:
    """The :class:`~keyturn.flows.ports.apply.Services` of a compose project."""

    def __init__(
        self,
        shell: Shell,
        program: Program,
        ask: Ask,
        *,
        limit: float = 180.0,
        pause: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``limit`` and ``pause`` are seconds: for becoming healthy, and between two looks."""
        self._shell = shell
        self._program = program
        self._ask = ask
        self._looks = max(int(limit / pause), _SETTLED)
        self._pause = pause
        self._sleep = sleep

    async def check(self) -> None:
        """Raise ``Unreachable`` when the daemon does not answer."""
        arguments = ("ps",) if self._program.dialect is Dialect.PODMAN else ("ps", "-q")
        try:
            await self._do("the containers of the project", *arguments)
        except ServiceFailed as problem:
            raise Unreachable(problem.message, hint=problem.hint) from problem

    async def recreate(self, service: str) -> None:
        """Create the container anew and wait until it is healthy.

        Raises :class:`ServiceFailed` when it does not start, restarts again and again, becomes
        unhealthy, or is not healthy in time.
        """
        await self._do(service, *creating(service))
        await self._until_up(service)

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        """Send the signal, or run the command in the container, or give it time to notice."""
        if way is Way.WATCH:
            await self._sleep(float(argument[0]))
            return
        await self._do(service, *telling(service, way, argument))

    async def _do(self, service: str, *arguments: str) -> Finished:
        argv = self._program.command(self._ask, *arguments)
        finished = await self._shell.run(argv)
        if finished.code != 0:
            said = f": {finished.complaint}" if finished.complaint else "."
            raise ServiceFailed(
                f"`{' '.join(argv)}` failed with code {finished.code}{said}",
                hint=f"Run it yourself to see all of it; then look at {service}.",
            )
        return finished

    async def _until_up(self, service: str) -> None:
        running = restarts = 0
        condition = Condition.STARTING
        for look in range(self._looks):
            if look:
                await self._sleep(self._pause)
            condition = (await self._look(service)).condition
            running = running + 1 if condition is Condition.RUNNING else 0
            restarts += condition is Condition.RESTARTING
            if condition is Condition.HEALTHY or running >= _SETTLED:
                return
            if condition in (Condition.UNHEALTHY, Condition.GONE) or restarts >= _RESTARTS:
                break
        raise ServiceFailed(
            f"{service} is {_IN_WORDS[condition]}.",
            hint=f"Look at `{' '.join(self._program.argv)} logs --tail 50 {service}`.",
        )

    async def _look(self, service: str) -> Seen:
        match self._program.dialect:
            case Dialect.COMPOSE:
                finished = await self._do(service, "ps", "--all", "--format", "json", service)
                return from_compose(finished.output, service)
            case Dialect.PODMAN:
                finished = await self._do(service, "ps", "--format", "json")
                return from_podman(finished.output, service)
            case Dialect.COMPOSE_V1:
                finished = await self._do(service, "ps", "-q", service)
                return await self._inspected(finished.output.split())

    async def _inspected(self, containers: Sequence[str]) -> Seen:
        if not containers:
            return Seen("gone")
        argv = ("docker", "inspect", "--format", "{{json .State}}", *containers)
        finished = await self._shell.run(argv)
        return from_inspect(finished.output) if finished.code == 0 else Seen("gone")


_IN_WORDS: Final = {
    Condition.HEALTHY: "healthy",
    Condition.RUNNING: "running, but not for long enough",
    Condition.STARTING: "still starting, and did not become healthy in time",
    Condition.RESTARTING: "restarting again and again",
    Condition.UNHEALTHY: "unhealthy",
    Condition.GONE: "not running: it stopped right after it was created",
}
