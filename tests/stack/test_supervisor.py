"""The supervisor with real child processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.adapters.process_identity import process_identity
from keyturn.adapters.processes import ProcessLauncher
from keyturn.errors import KeyturnError
from keyturn.flows.ports.processes import CannotStart, Command
from keyturn.stack.parts import Part, PartFailed, PartState, PartStatus, Step
from keyturn.stack.supervisor import Supervisor, stop_order


class Stack:
    """A supervisor, and what it reported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[tuple[str, str]] = []
        self.changes: list[PartStatus] = []
        self.supervisor = Supervisor(
            ProcessLauncher(),
            lambda: datetime.now(UTC),
            on_line=lambda name, line: self.lines.append((name, line)),
            on_change=self.changes.append,
        )

    def part(self, name: str, script: str, *, needs: tuple[str, ...] = ()) -> Part:
        """Return a shell script as a part; it is ready once it has written ``NAME.ready``."""
        mark = self.folder / f"{name}.ready"

        async def command() -> Command:
            mark.unlink(missing_ok=True)
            env = {"PATH": os.environ["PATH"], "READY": str(mark), "HERE": str(self.folder)}
            return Command(name, ("/bin/sh", "-c", script), env, grace=1.0)

        async def ready() -> bool:
            return mark.exists()

        return Part(name, command, ready, needs, ready_timeout=5.0)

    def pid(self, name: str) -> int:
        """Return the pid of a part that runs."""
        pid = next(status.pid for status in self.supervisor.statuses() if status.name == name)
        assert pid is not None
        return pid

    def states(self, name: str) -> list[PartState]:
        """Return the states that a part went through."""
        return [status.state for status in self.changes if status.name == name]

    async def until_ready_again(self, name: str, restarts: int) -> None:
        """Wait until a part was restarted ``restarts`` times and is ready."""

        def ready_again() -> bool:
            status = next(s for s in self.supervisor.statuses() if s.name == name)
            return status.restarts == restarts and status.state is PartState.READY

        await self.until(ready_again)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait, for three seconds at most, until ``holds``."""
        for _ in range(300):
            if holds():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"it did not happen: {self.changes}")


@contextlib.asynccontextmanager
async def stack(folder: Path) -> AsyncIterator[Stack]:
    """Yield a stack that is stopped afterwards, whatever happens."""
    made = Stack(folder)
    try:
        yield made
    finally:
        await made.supervisor.stop()


SERVES = "echo hello from $0; touch $READY; exec sleep 60"


async def test_parts_start_in_the_order_of_their_needs(tmp_path: Path) -> None:
    """A part starts after what it needs is ready, and steps run in between."""
    async with stack(tmp_path) as made:
        order: list[str] = []

        async def migrate() -> None:
            order.append(f"step sees {made.states('db')[-1]}")

        await made.supervisor.start(
            [
                made.part("web", SERVES, needs=("migrate",)),
                made.part("db", f"sleep 0.1; {SERVES}"),
            ],
            [Step("migrate", migrate, needs=("db",))],
        )

        assert order == ["step sees ready"]
        assert made.states("web") == [PartState.STARTING, PartState.READY]
        names = [status.name for status in made.changes if status.state is PartState.READY]
        assert names == ["db", "web"]


async def test_a_killed_part_comes_back_within_a_second(tmp_path: Path) -> None:
    """kill -9 costs one restart; the other parts are left alone."""
    async with stack(tmp_path) as made:
        await made.supervisor.start([made.part("db", SERVES), made.part("web", SERVES)])
        before, other = made.pid("db"), made.pid("web")
        os.kill(before, signal.SIGKILL)

        async with asyncio.timeout(1.0):
            await made.until_ready_again("db", 1)

        assert before != made.pid("db")
        assert other == made.pid("web")
        status = made.supervisor.statuses()[0]
        assert status.last_exit == "was killed by SIGKILL"


async def test_a_dependent_waits_for_what_it_needs_to_come_back(tmp_path: Path) -> None:
    """A server that dies while the database is away is started after the database is back."""
    async with stack(tmp_path) as made:
        db = made.part("db", f"sleep 0.2; {SERVES}")
        await made.supervisor.start([db, made.part("web", SERVES, needs=("db",))])
        made.changes.clear()
        web = made.pid("web")
        os.kill(made.pid("db"), signal.SIGKILL)
        await made.until(lambda: PartState.STARTING in made.states("db"))
        os.kill(web, signal.SIGKILL)
        await made.until_ready_again("web", 1)

        moments = [(s.name, s.state) for s in made.changes]
        assert moments.index(("db", PartState.READY)) < moments.index(("web", PartState.STARTING))


async def test_a_part_that_keeps_dying_ends_in_its_own_last_words(tmp_path: Path) -> None:
    """The final error names the part, how it ended, and shows its log."""
    async with stack(tmp_path) as made:
        with pytest.raises(PartFailed) as caught:
            await made.supervisor.start(
                [made.part("db", SERVES), made.part("web", "echo no port left; exit 7")]
            )

        assert "web exited with code 7" in caught.value.message
        assert "no port left" in caught.value.message
        assert caught.value.hint is not None
        assert "web.log" in caught.value.hint
        assert PartState.FAILED is made.states("web")[-1]


async def test_a_refused_configuration_is_not_tried_again(tmp_path: Path) -> None:
    """Exit code 2 at the first start is a mistake of the user; one attempt says so."""
    async with stack(tmp_path) as made:
        with pytest.raises(PartFailed, match="refused its configuration"):
            await made.supervisor.start([made.part("web", "echo GOTRUE_X is wrong; exit 2")])

        assert made.lines == [("web", "GOTRUE_X is wrong")]


async def test_a_failing_step_fails_the_start(tmp_path: Path) -> None:
    """The error of a step is the error of the start, and what ran is stopped."""
    pid = 0
    async with stack(tmp_path) as made:

        async def migrate() -> None:
            nonlocal pid
            pid = made.pid("db")
            raise KeyturnError("no room for tables")

        with pytest.raises(KeyturnError, match="no room for tables"):
            await made.supervisor.start(
                [made.part("db", SERVES), made.part("web", SERVES, needs=("migrate",))],
                [Step("migrate", migrate, needs=("db",))],
            )

    assert pid
    assert process_identity(pid) is None
    assert PartState.STARTING not in made.states("web")


async def test_stopping_goes_from_the_edge_to_the_database(tmp_path: Path) -> None:
    """Dependents end before what they need, steps are closed in between."""
    async with stack(tmp_path) as made:
        closed: list[PartState] = []

        async def nothing() -> None:
            return

        async def close() -> None:
            closed.extend(status.state for status in made.supervisor.statuses())

        await made.supervisor.start(
            [made.part("db", SERVES), made.part("web", SERVES, needs=("pool",))],
            [Step("pool", nothing, needs=("db",), close=close)],
        )
        pids = [made.pid("db"), made.pid("web")]
        await made.supervisor.stop()

        assert closed == [PartState.READY, PartState.STOPPED]
        assert [process_identity(pid) for pid in pids] == [None, None]


async def test_a_part_that_ignores_the_stop_signal_is_killed(tmp_path: Path) -> None:
    """After its grace the whole group is killed, children of the part included."""
    script = "trap '' TERM; sleep 61 & echo $! > $HERE/grandchild; touch $READY; wait; sleep 62"
    async with stack(tmp_path) as made:
        await made.supervisor.start([made.part("web", script)])
        pid = made.pid("web")
        grandchild = int((tmp_path / "grandchild").read_text())

        async with asyncio.timeout(4.0):
            await made.supervisor.stop()

    assert process_identity(pid) is None
    # Killed with its group, but it is init's to wait for: it may die a moment later.
    await made.until(lambda: process_identity(grandchild) is None)


async def test_workers_of_a_killed_parent_do_not_hold_its_port(tmp_path: Path) -> None:
    """When only the leader is killed, the rest of its group goes too."""
    script = "sleep 61 & echo $! > $HERE/worker; touch $READY; wait"
    async with stack(tmp_path) as made:
        await made.supervisor.start([made.part("web", script)])
        worker = int((tmp_path / "worker").read_text())
        os.kill(made.pid("web"), signal.SIGKILL)
        await made.until_ready_again("web", 1)

    await made.until(lambda: process_identity(worker) is None)


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    """What cannot be started says which program and why."""

    async def command() -> Command:
        return Command("web", ("/no/such/program",), {})

    async def ready() -> bool:
        return True

    async with stack(tmp_path) as made:
        with pytest.raises(CannotStart, match=r"/no/such/program: No such file"):
            await made.supervisor.start([Part("web", command, ready)])


async def test_an_endless_line_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A line past 16 KiB is cut, and broken UTF-8 is still text."""
    script = r"head -c 100000 /dev/zero | tr '\0' x; printf '\n\377end\n'; touch $READY; sleep 60"
    async with stack(tmp_path) as made:
        await made.supervisor.start([made.part("web", script)])
        await asyncio.sleep(0.05)
        longest = max(len(line) for _, line in made.lines)

    assert longest <= 128 * 1024
    assert ("web", "\ufffdend") in made.lines


@st.composite
def needs_without_cycles(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Draw names of which each needs only later ones."""
    names = [f"n{index}" for index in range(draw(st.integers(0, 8)))]
    return {
        name: tuple(
            draw(st.sets(st.sampled_from(names[index + 1 :]))) if names[index + 1 :] else ()
        )
        for index, name in enumerate(names)
    }


@given(needs_without_cycles())
def test_nothing_is_stopped_while_something_that_needs_it_runs(
    needs: dict[str, tuple[str, ...]],
) -> None:
    """Whatever the needs are: each name once, and after all that need it."""
    order = stop_order(needs)

    place = {name: index for index, group in enumerate(order) for name in group}
    assert sorted(name for group in order for name in group) == sorted(needs)
    for name, wanted in needs.items():
        assert all(place[name] < place[need] for need in wanted)


def test_stop_order_is_groups_of_dependents_first() -> None:
    """The order is a pure function of the needs; a cycle does not hang it."""
    needs = {"db": (), "migrate": ("db",), "auth": ("migrate",), "rest": ("migrate",), "gate": ()}

    assert stop_order(needs) == [["auth", "rest", "gate"], ["migrate"], ["db"]]
    assert stop_order({"a": ("b",), "b": ("a",)}) == [["a", "b"]]
