"""Applying a plan: the one path that changes a user's files (ADR 5).

Lock, compare every input's checksum, see that every file can be written, and only then begin. A
command that fails takes back its own step, newest first; the steps before it were proven and stay.
An interruption leaves everything as it is, for :func:`resume`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from keyturn.clock import unix
from keyturn.errors import Conflict, KeyturnError, WaitNotOver
from keyturn.flows.apply_command import check_untouched, do, new_content
from keyturn.flows.apply_undo import UndoIncomplete, choose, take_back
from keyturn.flows.ports.apply import Moment, Ports, Progress
from keyturn.migrate.commands import Probe, RecreateService, ReloadService
from keyturn.migrate.journal import Chosen, Event, Record
from keyturn.migrate.plan import Plan, Prepared
from keyturn.migrate.run import Run, RunUnderWay, Status, expected, runs, to_resume

KEPT_RUNS = 10
"""How many of the newest runs keep their backups."""


class StepFailed(KeyturnError):
    """A step did not work and was taken back."""

    code = "step_failed"


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it."""

    run: str
    status: Status
    done: tuple[str, ...]
    """Ids of the commands that are in force."""


def stage(ports: Ports, prepared: Prepared) -> None:
    """Put the new contents of a plan into ``.keyturn/``, so that the plan can be applied later."""
    for command, content in prepared.contents.items():
        ports.journal.stage(prepared.plan.id, command, content)


async def begin(
    ports: Ports, prepared: Prepared, *, wait: bool = False, chosen: Chosen | None = None
) -> Applied:
    """Stage a plan and carry it out; one that could not begin leaves no new keys behind.

    ``chosen`` says how, and is kept for whoever resumes or takes back. Raises like
    :func:`apply_plan`.
    """
    plan = prepared.plan
    try:
        with ports.journal.lock():
            stage(ports, prepared)
        return await apply_plan(ports, plan, wait=wait, chosen=chosen)
    except KeyturnError:
        if all(run.plan.id != plan.id for run in runs(ports.journal.records())):
            ports.journal.discard_staged(plan.id)
        raise


async def apply_plan(
    ports: Ports, plan: Plan, *, wait: bool = False, chosen: Chosen | None = None
) -> Applied:
    """Begin a staged plan and carry it out; ``chosen`` as for :func:`begin`.

    Raises ``EditedMeanwhile`` when its inputs changed since it was made, ``CannotWrite``,
    ``LostContent``, ``RunUnderWay``, ``Locked`` and ``Unreachable`` before anything is done;
    ``WaitNotOver`` where it must pause (``wait=False``); :class:`StepFailed` after a step was taken
    back.
    """
    with ports.journal.lock():
        found = runs(ports.journal.records())
        if found and not found[-1].settled:
            raise RunUnderWay(f"The change “{found[-1].plan.title}” is not finished.")
        run = Run(_fresh_id(plan, found), plan, unix(ports.clock()), chosen=chosen or {})
        await _check_all(ports, run)
        if any(isinstance(one, Probe) for one in plan.commands):
            await ports.prober.check()
        ports.journal.append(Record(Event.BEGIN, run.id, run.begun, plan=plan, chosen=chosen))
        for old in found[: -(KEPT_RUNS - 1)]:
            ports.journal.discard_backups(old.id)
        return await _forward(ports, run, wait=wait)


async def resume(ports: Ports, *, wait: bool = False, chosen: Chosen | None = None) -> Applied:
    """Go on where the last run was interrupted: forward, or with taking back.

    ``chosen`` says how from here on; None: as before.

    Raises ``NothingToDo`` when nothing is under way, otherwise like :func:`apply_plan`.
    """
    with ports.journal.lock():
        run = to_resume(runs(ports.journal.records()))
        choose(ports, run, chosen)
        if run.status is Status.UNDOING:
            await take_back(ports, run)
            return applied(run)
        await _check_all(ports, run)
        return await _forward(ports, run, wait=wait)


def applied(run: Run) -> Applied:
    """Return what of ``run`` is in force."""
    done = tuple(one.id for one in run.plan.commands if run.states.get(one.id) == "done")
    return Applied(run.id, run.status, done)


def _fresh_id(plan: Plan, found: Iterable[Run]) -> str:
    taken = {run.id for run in found}
    names = itertools.chain((plan.id,), (f"{plan.id}-{n}" for n in itertools.count(2)))
    return next(name for name in names if name not in taken)


async def _check_all(ports: Ports, run: Run) -> None:
    """See that what is left can work, before any of it is done."""
    check_untouched(ports, expected(run, forward=True))
    left = [one for one in run.plan.commands if run.state(one) != "done"]
    for write in (one for one in run.plan.writes if one in left):
        new_content(ports, run.plan.id, write)
        ports.files.check_writable(write.path)
    if any(isinstance(one, RecreateService | ReloadService) for one in left):
        await ports.services.check()


async def _forward(ports: Ports, run: Run, *, wait: bool) -> Applied:
    while (command := run.next_command) is not None:
        ports.progress(Progress(Moment.STARTED, command))
        try:
            await do(ports, run, command, wait=wait)
        except (Conflict, WaitNotOver):
            raise
        except KeyturnError as problem:
            ports.progress(Progress(Moment.FAILED, command, problem.message))
            await _give_up(ports, run, command.id, command.step, problem)
        ports.progress(Progress(Moment.DONE, command))
    record = Record(Event.FINISHED, run.id, unix(ports.clock()))
    ports.journal.append(record)
    run.apply(record)
    ports.journal.discard_staged()
    return applied(run)


async def _give_up(ports: Ports, run: Run, command: str, step: int, problem: KeyturnError) -> None:
    """Take back the step and raise :class:`StepFailed`."""
    now = unix(ports.clock())
    for record in (
        Record(Event.FAILED, run.id, now, command, reason=problem.message),
        Record(Event.UNDO, run.id, now, step=step, reason=problem.message),
    ):
        ports.journal.append(record)
        run.apply(record)
    try:
        await take_back(ports, run)
    except KeyturnError as worse:
        raise UndoIncomplete(
            f"{_sentence(problem.message)} Taking the step back did not work either: "
            f"{_sentence(worse.message)}",
            hint="Correct what stands in the way, then `resume` goes on with taking it back.",
        ) from worse
    title = run.plan.steps[step]
    again = "`resume` tries the step" if run.status is Status.STOPPED else "give the same command"
    raise StepFailed(
        f"{_sentence(problem.message)} The step “{title}” was taken back; everything works as "
        "before it.",
        hint=problem.hint or f"Correct the cause, then {again} again.",
    ) from problem


def _sentence(text: str) -> str:
    """Return ``text`` ended: what a program printed may not be."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
