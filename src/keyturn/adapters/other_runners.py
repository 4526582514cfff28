"""Runners for deployments that no compose program on this machine runs.

``print`` shows the command to a person and waits; a template calls a command of the user's own.
"""

from __future__ import annotations

import asyncio
import shlex
import string
from collections.abc import Awaitable, Callable, Sequence

from keyturn.adapters.compose_program import Program, Shell, creating, telling
from keyturn.deploy.rewrite_dialect import Dialect
from keyturn.deploy.source import Ask
from keyturn.errors import UsageError
from keyturn.flows.ports.apply import ServiceFailed
from keyturn.migrate.commands import Way

_DOCKER = Program(("docker", "compose"), Dialect.COMPOSE, "2")


class PrintRunner:
    """Shows what to run, and waits until a person says that it is done."""

    def __init__(
        self,
        ask: Ask,
        tell: Callable[[str], None],
        confirm: Callable[[str], Awaitable[bool]],
        program: Program = _DOCKER,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``confirm`` shows a question and returns whether the person says yes; ``sleep`` takes
        seconds.
        """
        self._sleep = sleep
        self._ask = ask
        self._tell = tell
        self._confirm = confirm
        self._program = program

    async def check(self) -> None:
        """A person is always there."""

    async def recreate(self, service: str) -> None:
        """Show the command; raises :class:`ServiceFailed` when the person says no."""
        await self._show(service, *creating(service))

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        """Show the command; for a service that watches its files there is none, only a pause."""
        if way is Way.WATCH:
            self._tell(f"  {service} reads its files again by itself, within {argument[0]} s.")
            await self._sleep(float(argument[0]))
            return
        question = f"Has {service} been told?"
        await self._show(service, *telling(service, way, argument), question=question)

    async def _show(self, service: str, *arguments: str, question: str | None = None) -> None:
        self._tell(f"  {shlex.join(self._program.command(self._ask, *arguments))}")
        if not await self._confirm(question or f"Is {service} up and healthy again?"):
            raise ServiceFailed(
                f"{service} did not come up, as you say.", hint=f"Look at the logs of {service}."
            )


class TemplateRunner:
    """Calls the user's command: ``ssh host deploy {action} {service} {argument}``.

    ``{action}`` is ``recreate`` or ``reload``, ``{argument}`` the signal or the command of a
    reload. The command returns when the service is healthy; another code than 0 is a failure.
    """

    PLACES = frozenset({"action", "service", "argument"})

    def __init__(
        self,
        shell: Shell,
        template: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raise ``UsageError`` for a template without ``{service}`` or with an unknown name."""
        self._sleep = sleep
        try:
            self._words = shlex.split(template)
            named = {
                name
                for word in self._words
                for _, name, _, _ in string.Formatter().parse(word)
                if name is not None
            }
        except ValueError as problem:
            raise UsageError(f"The runner's command cannot be read: {problem}.") from None
        if "service" not in named or not named <= self.PLACES:
            raise UsageError(
                "The runner's command must name {service}, and besides it only {action} and"
                " {argument}.",
                hint="For example: --runner 'ssh host deploy {action} {service}'",
            )
        self._shell = shell

    async def check(self) -> None:
        """Whether it works is seen when it is called."""

    async def recreate(self, service: str) -> None:
        """Call the command with ``recreate``."""
        await self._call("recreate", service, "")

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        """Call the command with ``reload``; who watches its files needs a pause only."""
        if way is Way.WATCH:
            await self._sleep(float(argument[0]))
            return
        await self._call("reload", service, shlex.join(argument))

    async def _call(self, action: str, service: str, argument: str) -> None:
        words = [
            word.format(action=action, service=service, argument=argument) for word in self._words
        ]
        argv = [word for word, form in zip(words, self._words, strict=True) if word or not form]
        finished = await self._shell.run(argv)
        if finished.code != 0:
            said = f": {finished.complaint}" if finished.complaint else "."
            raise ServiceFailed(
                f"`{shlex.join(argv)}` failed with code {finished.code}{said}",
                hint=f"Run it yourself to see all of it; then look at {service}.",
            )
