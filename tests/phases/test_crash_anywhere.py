"""Every plan of migration and rotation, killed at every single call to the outside world.

After each death there are two ways: ``resume`` must end where an undisturbed run ends, and
``rollback`` must end where everything began, byte for byte and mode for mode.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.phases.test_flows import checksums
from tests.phases.walk import Walk, new
from tests.support.deployments import NOW, healthy
from tests.support.live_deployments import with_auth_folder, with_rest_file

from keyturn.adapters.deployment_files import FolderSource
from keyturn.adapters.deployment_writer import DeploymentWriter
from keyturn.adapters.journal_file import JournalFile
from keyturn.deploy.source import Ask
from keyturn.flows.apply_plan import apply_plan, resume, stage
from keyturn.flows.apply_undo import rollback
from keyturn.flows.ports.apply import Ports
from keyturn.migrate import phase_one, phase_three, phase_two, rotation
from keyturn.migrate.plan import Prepared, Step, build_plan
from keyturn.migrate.run import NothingToDo


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


class NeverBegun(Exception):
    """There is nothing to go on with: the plan is simply applied again."""


@dataclass
class Fuse:
    """Counts the calls and kills at one of them: before it is done, or right after."""

    at: int | None = None
    after: bool = False
    count: int = 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``call`` with the fuse in it."""

        def burning(*arguments: Any, **named: Any) -> Any:
            fatal = self._next()
            if fatal and not self.after:
                raise Killed
            result = call(*arguments, **named)
            if fatal:
                raise Killed
            return result

        async def burning_later(*arguments: Any, **named: Any) -> Any:
            fatal = self._next()
            if fatal and not self.after:
                raise Killed
            await call(*arguments, **named)
            if fatal:
                raise Killed

        return burning_later if inspect.iscoroutinefunction(call) else burning

    def _next(self) -> bool:
        number, self.count = self.count, self.count + 1
        return number == self.at


@dataclass
class Silent:
    """Services and a prober that say yes, and remember which step's files a service got."""

    told: list[str] = field(default_factory=list)

    async def check(self) -> None:
        """Here."""

    async def recreate(self, service: str) -> None:
        """Up."""
        self.told.append(service)

    async def reload(self, service: str, way: object, argument: Sequence[str]) -> None:
        """Told."""
        self.told.append(service)

    async def probe(self, probe: object) -> None:
        """Proven."""


def ports(folder: Path, fuse: Fuse) -> Ports:
    """Real files and a real journal; every call that changes something goes through the fuse."""
    files, journal, silent = DeploymentWriter(folder), JournalFile(folder), Silent()
    for owner, names in (
        (files, ("write", "remove")),
        (journal, ("append", "back_up")),
        (silent, ("recreate", "reload")),
    ):
        for name in names:
            setattr(owner, name, fuse.around(getattr(owner, name)))
    return Ports(files, journal, silent, silent, lambda: NOW, _no_time)


async def _no_time(seconds: float) -> None:
    raise AssertionError(f"nobody should wait {seconds} s here")


def prepare(folder: Path, steps: Sequence[Step]) -> Prepared:
    """The plan, without its waits: time is another test's."""
    plain = [replace(step, before=()) for step in steps]
    return build_plan(FolderSource(folder), Ask(), plain, plan_id="p", title="t", now=NOW)


Make = Callable[[Walk], Sequence[Step]]
PLANS: dict[str, tuple[int, Make]] = {
    "phase 1": (0, lambda walk: phase_one.steps(walk.inventory, new())),
    "phase 2": (1, lambda walk: phase_two.steps(walk.inventory)),
    "phase 3": (2, lambda walk: phase_three.steps(walk.inventory, new())),
    "rotate": (3, lambda walk: rotation.rotate(walk.inventory, new())),
    "revoke": (
        3,
        lambda walk: rotation.revoke(walk.inventory, new(), walk.kid_in_use()),
    ),
    "rotate, told": (3, lambda walk: rotation.rotate(_told(walk).inventory, new())),
}


def _told(walk: Walk) -> Walk:
    """Let PostgREST and Auth be told: one file keeps its inode, the other one is watched."""
    with_auth_folder(with_rest_file(walk.deployment))
    return walk


@pytest.mark.timeout(900)  # every write is synced; a busy disk takes its time
@pytest.mark.parametrize("name", PLANS)
def test_killed_at_every_call(tmp_path: Path, name: str) -> None:
    phases_before, make = PLANS[name]
    start = tmp_path / "start"
    start.mkdir()
    walk = Walk(healthy(start, "2026-envoy", asymmetric=False))
    for other in list(PLANS)[:phases_before]:
        walk.go(PLANS[other][1](walk))
    prepared = prepare(start, make(walk))
    begun = checksums(start)
    ended, calls = _undisturbed(tmp_path, start, prepared)
    assert ended != begun
    for number in range(calls):
        for after in (False, True):
            for way_out in (resume, rollback):
                folder = tmp_path / "try"
                shutil.copytree(start, folder)
                _die(folder, prepared, Fuse(number, after=after))
                try:
                    _go(folder, way_out)
                except NeverBegun:
                    _die(folder, prepared, Fuse())
                wanted = ended if way_out is resume else begun
                assert checksums(folder) == wanted, (number, after, way_out.__name__)
                assert _leftovers(folder) == [], (number, after)
                shutil.rmtree(folder)


def _undisturbed(
    tmp_path: Path, start: Path, prepared: Prepared
) -> tuple[dict[str, tuple[str, int]], int]:
    folder, fuse = tmp_path / "whole", Fuse()
    shutil.copytree(start, folder)
    _die(folder, prepared, fuse)
    return checksums(folder), fuse.count


def _die(folder: Path, prepared: Prepared, fuse: Fuse) -> None:
    made = ports(folder, fuse)
    stage(made, prepared)
    try:
        asyncio.run(apply_plan(made, prepared.plan))
    except Killed:
        return
    assert fuse.at is None, "it should have died"


def _go(folder: Path, way_out: Callable[[Ports], Any]) -> None:
    try:
        asyncio.run(way_out(ports(folder, Fuse())))
    except NothingToDo:
        # It died before the first word was in the journal, or after the last one.
        if way_out is resume and not JournalFile(folder).records():
            raise NeverBegun from None


def _leftovers(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and ".keyturn" not in path.parts and path.name.endswith((".tmp", "~"))
    ]


def test_nothing_secret_is_in_the_journal(tmp_path: Path) -> None:
    walk = Walk(healthy(tmp_path, "2026-envoy", asymmetric=False))
    prepared = prepare(tmp_path, phase_one.steps(walk.inventory, new()))
    _die(tmp_path, prepared, Fuse())
    journal = (tmp_path / ".keyturn" / "journal.jsonl").read_text()
    for secret in (walk.deployment.keys.jwt_secret, walk.deployment.keys.anon):
        assert secret not in journal
    assert '"d":' not in journal
    assert os.stat(tmp_path / ".keyturn").st_mode & 0o077 == 0
