"""What the journal of several changes means: which is under way, what counts, who is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.apply.test_engine import Case, assert_as_before, dies, two_steps
from tests.support.apply_world import World

from keyturn.adapters.journal_file import JournalFile
from keyturn.clock import unix
from keyturn.errors import WaitNotOver
from keyturn.flows.apply_plan import apply_plan, begin, resume
from keyturn.flows.apply_status import status
from keyturn.flows.apply_undo import returning, rollback, undo
from keyturn.flows.change import signing_since, stopped_signing
from keyturn.flows.ports.apply import CannotWrite
from keyturn.migrate.commands import Command, Probe, RecreateService, Stamp, WriteFile
from keyturn.migrate.journal import parse
from keyturn.migrate.plan import Plan, Prepared
from keyturn.migrate.proof import SIGN
from keyturn.migrate.run import RunUnderWay, Status, runs
from keyturn.migrate.stamps import digest
from keyturn.secret import Secret


def second(world: World) -> Plan:
    """A change after :func:`two_steps`, its contents staged."""
    content, mode = world.files[".env"]
    write = WriteFile("01", 0, ".env", Stamp(digest(content), mode), Stamp(digest(b"A=9\n"), mode))
    commands: tuple[Command, ...] = (write, RecreateService("02", 0, "rest"))
    world.staged["second", "01"] = b"A=9\n"
    return Plan("second", "Second", unix(world.now), ("only",), commands, {".env": digest(content)})


def test_an_older_change_that_is_being_taken_back_is_the_one_under_way() -> None:
    case, world = two_steps(), two_steps().world()
    asyncio.run(apply_plan(world.ports(), case.plan(), wait=True))
    asyncio.run(apply_plan(world.ports(), second(world)))
    asyncio.run(rollback(world.ports()))
    world.revive(12)
    assert dies(lambda: rollback(world.ports()))
    world.revive()
    standing = status(world.ports())
    assert standing is not None
    assert (standing.run, standing.status) == ("plan", Status.UNDOING)
    with pytest.raises(RunUnderWay):
        asyncio.run(apply_plan(world.ports(), replace(case.plan(), id="third"), wait=True))
    asyncio.run(resume(world.ports()))
    assert_as_before(case, world)


def test_a_service_is_not_told_where_no_file_of_its_was_written() -> None:
    """A wait and a proof before the first change leave nothing to take back."""
    case = Case().wait(60).next_step().write(".env", b"A=2\n", 0o640).recreate("auth")
    world = case.world()
    asyncio.run(apply_plan(world.ports(), case.plan(), wait=True))
    asyncio.run(undo(world.ports()))
    assert_as_before(case, world)
    world.told.clear()
    assert returning(runs(parse(world.journal)), only_last_step=False).services == ()
    asyncio.run(rollback(world.ports()))
    assert world.told == []


def test_a_file_that_was_not_written_yet_may_be_edited_and_the_change_taken_back() -> None:
    case = Case().wait(60).next_step().write(".env", b"A=2\n", 0o640)
    world = case.world()
    with pytest.raises(WaitNotOver):
        asyncio.run(apply_plan(world.ports(), case.plan()))
    world.files[".env"] = (b"mine\n", 0o600)
    assert asyncio.run(rollback(world.ports())).status is Status.ROLLED_BACK
    assert world.files[".env"] == (b"mine\n", 0o600)


class Full(JournalFile):
    """A journal on a disk with room for one file."""

    def stage(self, plan: str, command: str, content: Secret) -> None:
        """Keep the first content only."""
        if command != "01":
            raise CannotWrite("No space left on device.")
        super().stage(plan, command, content)


def test_a_full_disk_leaves_no_new_keys_behind(tmp_path: Path) -> None:
    case, world = two_steps(), two_steps().world()
    contents = {name: Secret(content) for (_, name), content in case.staged.items()}
    ports = replace(world.ports(), journal=Full(tmp_path))
    with pytest.raises(CannotWrite):
        asyncio.run(begin(ports, Prepared(case.plan(), contents, "")))
    assert not list((tmp_path / ".keyturn").rglob("0*"))
    assert world.files == case.original


def test_what_was_taken_back_is_no_evidence() -> None:
    """A key whose successor signed, was undone and signed again ended at the second time only."""
    signs: tuple[Command, ...] = (
        WriteFile("01", 0, ".env", Stamp(digest(b"A=1\n"), 0o640), Stamp(digest(b"A=2\n"), 0o640)),
        WriteFile("02", 1, ".env", Stamp(digest(b"A=2\n"), 0o640), Stamp(digest(b"A=3\n"), 0o640)),
        Probe("03", 1, SIGN, {"alg": "ES256", "kid": "new"}),
    )
    world = two_steps().world()
    world.staged = {("plan", "01"): b"A=2\n", ("plan", "02"): b"A=3\n"}
    plan = Plan("plan", "Turn", unix(world.now), ("a", "b"), signs, {".env": digest(b"A=1\n")})
    asyncio.run(apply_plan(world.ports(), plan))
    found = runs(parse(world.journal))
    assert signing_since(found, "ES256") == stopped_signing(found, "old") == unix(world.now)
    asyncio.run(undo(world.ports()))
    found = runs(parse(world.journal))
    assert found[-1].status is Status.STOPPED
    assert signing_since(found, "ES256") is None
    assert stopped_signing(found, "old") is None
