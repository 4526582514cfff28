"""Applies a plan to a real folder, and dies at a chosen call to the file system.

As a program (``python -m tests.support.apply_process``) it kills itself with SIGKILL; within a test
it raises :class:`Died` at that call and at every one after it, so that no clean-up runs either.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.support.apply_world import Died

from keyturn.adapters.compose_program import find_program
from keyturn.adapters.compose_runner import ComposeRunner
from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.adapters.journal_file import JournalFile
from keyturn.flows.apply_plan import apply_plan, resume
from keyturn.flows.apply_undo import rollback
from keyturn.flows.ports.apply import Ports, Services
from keyturn.migrate.commands import Probe, Way
from keyturn.migrate.plan_json import parse_plan

_CALLS = {
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod",
    "os.chown", "os.setxattr", "os.listdir", "shutil.rmtree", "subprocess.Popen",
}  # fmt: skip


class Instants:
    """Counts what is asked of the file system below ``folder``; at ``dies_at`` it is over."""

    def __init__(self) -> None:
        self.folder = ""
        self.count = 0
        self.dies_at: int | None = None
        self.kills = False
        sys.addaudithook(self._seen)

    def _seen(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.folder or event not in _CALLS:
            return
        if not any(name.startswith(self.folder) for name in map(_named, arguments)):
            return
        if event == "os.truncate" and _named(arguments[0]).endswith("/lock"):
            return  # The kernel lets go of a dead process's lock; here that is up to `release`.
        self.count += 1
        if self.dies_at is not None and self.count >= self.dies_at:
            if self.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Died

    @contextmanager
    def within(self, folder: Path, dies_at: int | None) -> Iterator[None]:
        """Count, and die, while this is entered."""
        self.folder, self.count, self.dies_at = str(folder), 0, dies_at
        try:
            yield
        finally:
            self.folder = ""


def _named(argument: object) -> str:
    """Return the path that an argument of an audit event means, empty when it means none."""
    if isinstance(argument, str | bytes | os.PathLike):
        return os.fsdecode(argument)
    if isinstance(argument, int) and not isinstance(argument, bool) and argument > 2:
        try:
            return os.readlink(f"/proc/self/fd/{argument}")
        except OSError:
            return ""
    return ""


class Nobody:
    """Services and probes that are content with everything."""

    def __init__(self) -> None:
        self.created: list[str] = []

    async def check(self) -> None:
        """Nothing to say."""

    async def recreate(self, service: str) -> None:
        """Write it down."""
        self.created.append(service)

    async def reload(self, service: str, way: Way, argument: Sequence[str]) -> None:
        """Write it down."""
        self.created.append(service)

    async def probe(self, probe: Probe) -> None:
        """Everything works."""


def ports(folder: Path, services: Services | None = None) -> Ports:
    """Return the real files and the real journal of ``folder``."""

    async def no_time(seconds: float) -> None:
        del seconds

    return Ports(
        DeploymentWriter(folder),
        JournalFile(folder),
        services or Nobody(),
        Nobody(),
        lambda: datetime.now(UTC),
        no_time,
    )


async def _main(what: str, folder: Path, plan: bytes, dies_at: int) -> None:
    from keyturn.adapters.compose_program import Shell
    from keyturn.deploy.source import Ask

    shell = Shell(folder, dict(os.environ))
    services = ComposeRunner(shell, await find_program(shell, "docker"), Ask(), pause=0.01)
    instants = Instants()
    instants.kills = True
    with instants.within(folder, dies_at or None):
        if what == "apply":
            await apply_plan(ports(folder, services), parse_plan(plan), wait=True)
        elif what == "resume":
            await resume(ports(folder, services), wait=True)
        else:
            await rollback(ports(folder, services))


if __name__ == "__main__":
    document = Path(sys.argv[3]).read_bytes()
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), document, int(sys.argv[4])))
