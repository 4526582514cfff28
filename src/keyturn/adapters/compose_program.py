"""Which program runs the containers here, and how it is spoken to; no argument is ever a secret."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keyturn.adapters.processes import dies_with_parent
from keyturn.deploy.rewrite_dialect import Dialect
from keyturn.deploy.source import Ask
from keyturn.errors import Unreachable
from keyturn.migrate.commands import Way

_LONG: Final = re.compile(r"[A-Za-z0-9+_=-]{20,}|eyJ\S+")
_COMMAND_LIMIT: Final = 600.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended."""

    code: int
    output: str
    complaint: str
    """The last line of its stderr, with everything long in it hidden."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in the deployment's folder, without a shell and with nothing on stdin.

    A command ends with this process, so that no ``up`` of a killed run meets that of the next one.
    """

    folder: Path
    environment: Mapping[str, str]

    async def run(self, argv: Sequence[str], *, limit: float = _COMMAND_LIMIT) -> Finished:
        """Run ``argv`` and return how it ended.

        Raises ``Unreachable`` when there is no such program or it does not end within ``limit``
        seconds; it is killed then, and also when the caller is cancelled.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
        except OSError as problem:
            raise Unreachable(f"{argv[0]} cannot be run: {problem.strerror}.") from problem
        try:
            output, errors = await asyncio.wait_for(process.communicate(), limit)
        except TimeoutError:
            raise Unreachable(f"{' '.join(argv)} did not end within {limit:.0f} s.") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        complaint = _LONG.sub("…", lines[-1].strip()) if lines else ""
        return Finished(process.returncode or 0, output.decode("utf-8", "replace"), complaint)


def creating(service: str) -> tuple[str, ...]:
    """Return the arguments that create one service's container anew, and no other one."""
    return ("up", "-d", "--no-deps", "--force-recreate", service)


def telling(service: str, way: Way, argument: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments that send a running service a signal, or run a command in it."""
    if way is Way.SIGNAL:
        return ("kill", "-s", argument[0], service)
    return ("exec", "-T", service, *argument)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that understands ``up``, ``ps``, ``kill`` and ``exec``."""

    argv: tuple[str, ...]
    dialect: Dialect
    version: str

    def command(self, ask: Ask, *arguments: str) -> tuple[str, ...]:
        """Return the command line for what the user asked Compose to read.

        Raises ``Unreachable`` for what this program has no option for.
        """
        options: list[str] = []
        if ask.project_directory is not None:
            self._only(Dialect.COMPOSE, Dialect.COMPOSE_V1, what="--project-directory")
            options += ["--project-directory", ask.project_directory]
        for file in ask.files:
            options += ["-f", file]
        if len(ask.env_files) > 1:
            self._only(Dialect.COMPOSE, what="more than one --env-file")
        for file in ask.env_files:
            options += ["--env-file", file]
        for profile in ask.profiles:
            options += ["--profile", profile]
        return (*self.argv, *options, *arguments)

    def _only(self, *dialects: Dialect, what: str) -> None:
        if self.dialect not in dialects:
            raise Unreachable(
                f"{' '.join(self.argv)} has no {what}.",
                hint="Use `docker compose` v2, or run the commands yourself with --runner print.",
            )


async def find_program(shell: Shell, wanted: str | None = None) -> Program:
    """Return the program to use: ``docker``, ``docker-compose``, ``podman-compose``, or the first.

    Raises ``Unreachable`` when there is none.
    """
    for name, argv, question in (
        ("docker", ("docker", "compose"), ("version", "--short")),
        ("docker-compose", ("docker-compose",), ("version", "--short")),
        ("podman-compose", ("podman-compose",), ("--version",)),
    ):
        if wanted not in (None, name):
            continue
        with contextlib.suppress(Unreachable):
            finished = await shell.run((*argv, *question), limit=30.0)
            version = re.search(r"\d+\.\d+\.\d+", finished.output)
            if finished.code == 0 and version:
                return Program(argv, _dialect(name, version[0]), version[0])
    raise Unreachable(
        f"{wanted or 'Neither docker compose nor podman-compose'} can be run here.",
        hint="Install it, or use --runner print to run the commands yourself.",
    )


def _dialect(name: str, version: str) -> Dialect:
    if name == "podman-compose":
        return Dialect.PODMAN
    return Dialect.COMPOSE_V1 if version.startswith("1.") else Dialect.COMPOSE
