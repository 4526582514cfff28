"""Plans that somebody interrupts: whatever the instant, going on completes, going back restores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.apply_world import START, Died, File, World

from keyturn.clock import unix
from keyturn.errors import KeyturnError, WaitNotOver
from keyturn.flows.apply_command import EditedMeanwhile, LostContent
from keyturn.flows.apply_plan import StepFailed, apply_plan, resume
from keyturn.flows.apply_status import status
from keyturn.flows.apply_undo import UndoIncomplete, rollback, undo
from keyturn.flows.ports.apply import Moment
from keyturn.migrate.commands import (
    Command,
    Probe,
    RecreateService,
    ReloadService,
    Stamp,
    Tell,
    WaitUntil,
    Way,
    WriteFile,
)
from keyturn.migrate.plan import Plan
from keyturn.migrate.run import NothingToDo, RunUnderWay, Status
from keyturn.migrate.stamps import digest

ORIGINAL: dict[str, File] = {".env": (b"A=1\n", 0o640), "compose.yml": (b"services: {}\n", 0o644)}
Act = Callable[[], Awaitable[Any]]


@dataclass
class Case:
    """A plan under construction, and what the files and containers look like after each step."""

    files: dict[str, File] = field(default_factory=lambda: dict(ORIGINAL))
    commands: list[Command] = field(default_factory=list)
    staged: dict[tuple[str, str], bytes] = field(default_factory=dict)
    step: int = 0
    after: list[dict[str, File]] = field(default_factory=list)
    created: list[dict[str, dict[str, bytes]]] = field(default_factory=list)
    original: dict[str, File] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.original = dict(self.files)

    def write(self, path: str, content: bytes, mode: int = 0o600) -> Case:
        old = self.files.get(path)
        name = self._name()
        before = Stamp(digest(old[0]), old[1]) if old else None
        self.commands.append(WriteFile(name, self.step, path, before, Stamp(digest(content), mode)))
        self.staged["plan", name] = content
        self.files[path] = (content, mode)
        return self

    def recreate(self, service: str) -> Case:
        self.commands.append(RecreateService(self._name(), self.step, service))
        self._created()[service] = {path: content for path, (content, _) in self.files.items()}
        return self

    def reload(self, service: str) -> Case:
        made = ReloadService(self._name(), self.step, service, Way.SIGNAL, ("SIGUSR2",))
        self.commands.append(made)
        self._created()[service] = {path: content for path, (content, _) in self.files.items()}
        return self

    def probe(self, name: str) -> Case:
        self.commands.append(Probe(self._name(), self.step, name))
        return self

    def wait(self, seconds: int) -> Case:
        since = self.commands[-1].id if self.commands else None
        self.commands.append(WaitUntil(self._name(), self.step, seconds, since))
        return self

    def tell(self) -> Case:
        self.commands.append(Tell(self._name(), self.step, "Look."))
        return self

    def next_step(self) -> Case:
        self.after.append(dict(self.files))
        self._created()
        self.step += 1
        return self

    def plan(self) -> Plan:
        inputs: dict[str, str | None] = {
            one.path: None for one in self.commands if isinstance(one, WriteFile)
        }
        inputs |= {path: digest(content) for path, (content, _) in self.original.items()}
        titles = tuple(f"step {n}" for n in range(self.step + 1))
        return Plan("plan", "Test", unix(START), titles, tuple(self.commands), inputs)

    def world(self) -> World:
        return World(dict(self.original), staged=dict(self.staged))

    def final_containers(self) -> dict[str, dict[str, bytes]]:
        found: dict[str, dict[str, bytes]] = {}
        for made in self.created:
            found |= made
        return found

    def _name(self) -> str:
        return f"{len(self.commands) + 1:02d}"

    def _created(self) -> dict[str, dict[str, bytes]]:
        while len(self.created) <= self.step:
            self.created.append({})
        return self.created[self.step]


def two_steps() -> Case:
    """Every kind of command, a file that is written twice, one that is new."""
    case = Case().write(".env", b"A=2\n", 0o640).write("over.yml", b"services:\n")
    case = case.recreate("rest").reload("kong").wait(60).probe("canary").tell().next_step()
    return case.write(".env", b"A=3\n", 0o640).recreate("auth").recreate("rest").probe("sign-in")


def dies(act: Act) -> bool:
    """Run until the end or death; anything that Keyturn refuses is part of the game."""
    try:
        asyncio.run(_run(act))
    except Died:
        return True
    except KeyturnError:
        return False
    return False


async def _run(act: Act) -> None:
    await act()


def test_all_of_it() -> None:
    case, world = two_steps(), two_steps().world()
    result = asyncio.run(apply_plan(world.ports(), case.plan(), wait=True))
    assert result.status is Status.FINISHED
    assert world.files == case.files
    assert world.containers == case.final_containers()
    assert world.staged == {}
    assert (world.now - START).total_seconds() == 60
    assert [p.moment for p in world.told].count(Moment.DONE) == len(case.commands)


def instants(*acts: Callable[[World], Awaitable[Any]]) -> int:
    """How many instants the last of ``acts`` has in a world where nobody dies."""
    world = two_steps().world()
    for act in acts:
        world.revive()
        asyncio.run(_run(lambda act=act: act(world)))  # type: ignore[misc]
    return world.instants


def applying(world: World) -> Awaitable[Any]:
    return apply_plan(world.ports(), two_steps().plan(), wait=True)


def going_back(world: World) -> Awaitable[Any]:
    return rollback(world.ports())


@pytest.mark.parametrize("instant", range(1, instants(applying) + 1))
@pytest.mark.parametrize("then", ["resume", "rollback"])
def test_death_at_every_instant(instant: int, then: str) -> None:
    case, world = two_steps(), two_steps().world()
    world.dies_at = instant
    assert dies(lambda: applying(world))
    world.revive()
    begun = b'"begin"' in world.journal
    if then == "resume":
        if not begun:
            asyncio.run(_run(lambda: applying(world)))
        elif b'"finished"' not in world.journal:
            asyncio.run(_run(lambda: resume(world.ports(), wait=True)))
        assert world.files == case.files
        assert world.containers == case.final_containers()
    elif begun:
        asyncio.run(_run(lambda: going_back(world)))
        assert_as_before(case, world)
    else:
        assert world.files == case.original


def assert_as_before(case: Case, world: World) -> None:
    """The files are what they were, bytes and modes, and so is what every container got."""
    assert world.files == case.original
    original = {path: content for path, (content, _) in case.original.items()}
    assert all(seen == original for seen in world.containers.values())


@pytest.mark.parametrize("instant", range(1, instants(applying, going_back) + 1))
def test_death_on_the_way_back(instant: int) -> None:
    case, world = two_steps(), two_steps().world()
    asyncio.run(_run(lambda: applying(world)))
    world.revive(instant)
    assert dies(lambda: going_back(world))
    world.revive()
    if b'"undone"' not in world.journal:
        act = resume if b'"undo"' in world.journal else rollback
        asyncio.run(_run(lambda: act(world.ports())))
    assert_as_before(case, world)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Plans of up to three steps over four files and three services."""
    case = Case()
    paths = st.sampled_from([".env", "compose.yml", "new.yml", "volumes/kong.yml"])
    services = st.sampled_from(["auth", "rest", "storage"])
    for number in range(draw(st.integers(1, 3))):
        if number:
            case.next_step()
        for path in draw(st.lists(paths, max_size=3)):
            content = draw(st.binary(max_size=4)) + str(len(case.commands)).encode()
            case.write(path, content, draw(st.sampled_from([0o600, 0o640, 0o644])))
        for service in draw(st.lists(services, max_size=2)):
            (case.recreate if draw(st.booleans()) else case.reload)(service)
        if draw(st.booleans()):
            case.wait(draw(st.integers(0, 100)))
        if draw(st.booleans()):
            case.probe("canary")
    return case


@settings(deadline=None)
@given(
    cases(),
    st.lists(st.tuples(st.sampled_from(["resume", "undo", "rollback"]), st.integers(1, 40))),
    st.integers(1, 80),
    st.booleans(),
    st.sets(st.sampled_from(["canary", "auth"])),
)
def test_any_plan_any_deaths(
    case: Case, tries: list[tuple[str, int]], first: int, forward: bool, failing: set[str]
) -> None:
    world, plan = case.world(), case.plan()
    world.failing = set(failing)
    world.dies_at = first
    dies(lambda: apply_plan(world.ports(), plan, wait=True))
    for name, instant in tries:
        world.revive(instant)
        acts: dict[str, Act] = {
            "resume": lambda: resume(world.ports(), wait=True),
            "undo": lambda: undo(world.ports()),
            "rollback": lambda: rollback(world.ports()),
        }
        dies(acts[name])
    world.revive()
    world.failing.clear()
    if forward and world.staged.keys() >= case.staged.keys():
        finish(world, plan)
        assert world.files == case.files
        assert world.containers == world.containers | case.final_containers()
    elif world.journal:
        while not dies(lambda: rollback(world.ports())) and _in_force(world):
            pass
        assert_as_before(case, world)


def finish(world: World, plan: Plan) -> None:
    """Do what a user would: go on, until it is all there."""
    for _ in range(4):
        found = status(world.ports())
        if found is not None and found.status is Status.FINISHED:
            return
        again = found is None or found.status is Status.ROLLED_BACK
        asyncio.run(
            _run(lambda: apply_plan(world.ports(), plan, wait=True))
            if again
            else _run(lambda: resume(world.ports(), wait=True))
        )


def _in_force(world: World) -> bool:
    found = status(world.ports())
    return found is not None and found.status is not Status.ROLLED_BACK


def test_a_failing_probe_takes_back_its_own_step_and_no_other() -> None:
    case, world = two_steps(), two_steps().world()
    world.failing = {"sign-in"}
    with pytest.raises(StepFailed, match=r"sign-in got 401\. The step “step 1” was taken back"):
        asyncio.run(apply_plan(world.ports(), case.plan(), wait=True))
    assert world.files == case.after[0]
    assert world.containers["rest"] == {p: c for p, (c, _) in case.after[0].items()}
    assert world.containers["auth"] == world.containers["rest"]
    world.failing = set()
    asyncio.run(resume(world.ports(), wait=True))
    assert world.files == case.files
    assert world.containers == case.final_containers()


def test_undo_takes_one_step_and_then_the_one_before_it() -> None:
    case, world = two_steps(), two_steps().world()
    asyncio.run(apply_plan(world.ports(), case.plan(), wait=True))
    assert asyncio.run(undo(world.ports())).status is Status.STOPPED
    assert world.files == case.after[0]
    assert asyncio.run(undo(world.ports())).status is Status.ROLLED_BACK
    assert_as_before(case, world)
    with pytest.raises(NothingToDo):
        asyncio.run(undo(world.ports()))


def test_what_was_taken_back_is_not_created_once_more() -> None:
    case, world = two_steps(), two_steps().world()
    asyncio.run(apply_plan(world.ports(), case.plan(), wait=True))
    world.failing = {"auth"}
    with pytest.raises(KeyturnError, match="auth is unhealthy"):
        asyncio.run(rollback(world.ports()))
    world.failing, world.told = set(), []
    asyncio.run(resume(world.ports()))
    again = [p.command.service for p in world.told if isinstance(p.command, RecreateService)]
    assert again == ["auth", "auth"]  # restoring, restored; "rest" was back already
    assert_as_before(case, world)


def test_when_taking_back_fails_too_it_can_be_resumed() -> None:
    case, world = two_steps(), two_steps().world()
    world.failing = {"auth"}
    with pytest.raises(UndoIncomplete, match="auth is unhealthy"):
        asyncio.run(apply_plan(world.ports(), case.plan(), wait=True))
    assert world.files == case.after[0]
    world.failing = set()
    assert asyncio.run(resume(world.ports())).status is Status.STOPPED
    assert world.containers["auth"] == {p: c for p, (c, _) in case.after[0].items()}


def test_a_wait_that_is_not_over_pauses_and_says_until_when() -> None:
    case, world = two_steps(), two_steps().world()
    with pytest.raises(WaitNotOver) as pause:
        asyncio.run(apply_plan(world.ports(), case.plan()))
    assert pause.value.until_unix == unix(START) + 60
    standing = status(world.ports())
    assert standing is not None
    assert (standing.status, standing.waits_until) == (Status.RUNNING, unix(START) + 60)
    with pytest.raises(RunUnderWay):
        asyncio.run(apply_plan(world.ports(), replace(case.plan(), id="other")))
    world.now = world.now.replace(minute=1)
    assert asyncio.run(resume(world.ports())).status is Status.FINISHED
    assert world.files == case.files


@pytest.mark.parametrize("path", [".env", "compose.yml", "over.yml"])
@pytest.mark.parametrize("way", ["apply", "resume", "rollback"])
def test_an_edit_by_somebody_else_stops_everything(path: str, way: str) -> None:
    case, world = two_steps(), two_steps().world()
    plan = case.plan()
    if way != "apply":
        with pytest.raises(WaitNotOver):
            asyncio.run(apply_plan(world.ports(), plan))
    world.files[path] = (b"mine\n", 0o644)
    before, journal = dict(world.files), world.journal
    acts: dict[str, Act] = {
        "apply": lambda: apply_plan(world.ports(), plan),
        "resume": lambda: resume(world.ports(), wait=True),
        "rollback": lambda: rollback(world.ports()),
    }
    if (way, path) == ("rollback", "compose.yml"):
        asyncio.run(_run(acts[way]))  # It was only read: going back does not touch it.
        assert world.files[path] == (b"mine\n", 0o644)
        return
    with pytest.raises(EditedMeanwhile, match=path.replace(".", r"\.")) as stop:
        asyncio.run(_run(acts[way]))
    assert path in (stop.value.hint or "")
    assert (world.files, world.journal) == (before, journal)


def test_everything_is_checked_before_anything_is_done() -> None:
    case = two_steps()
    world = case.world()
    world.staged.pop(("plan", case.commands[-4].id))
    with pytest.raises(LostContent):
        asyncio.run(apply_plan(world.ports(), case.plan()))
    assert (world.files, world.journal) == (case.original, b"")
    world = case.world()
    world.read_only = {"over.yml"}
    with pytest.raises(KeyturnError, match="read-only"):
        asyncio.run(apply_plan(world.ports(), case.plan()))
    assert (world.files, world.journal) == (case.original, b"")


def test_a_rolled_back_plan_can_be_applied_again_while_it_is_kept() -> None:
    case, world = two_steps(), two_steps().world()
    with pytest.raises(WaitNotOver):
        asyncio.run(apply_plan(world.ports(), case.plan()))
    asyncio.run(rollback(world.ports()))
    result = asyncio.run(apply_plan(world.ports(), case.plan(), wait=True))
    assert result.run == "plan-2"
    assert world.files == case.files
