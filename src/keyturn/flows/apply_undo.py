"""Taking back: one step (``undo``) or a whole run (``rollback``), bytes and modes exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keyturn.clock import unix
from keyturn.errors import KeyturnError
from keyturn.flows.apply_command import check_untouched, restore, tell_service
from keyturn.flows.ports.apply import Moment, Ports, Progress
from keyturn.migrate.commands import RecreateService, ReloadService, WriteFile
from keyturn.migrate.journal import Chosen, Event, Record
from keyturn.migrate.run import Run, Status, expected, runs, to_undo, way_back


class UndoIncomplete(KeyturnError):
    """A step failed, and taking it back is not finished."""

    code = "undo_incomplete"


@dataclass(frozen=True, slots=True)
class Return:
    """What taking back will do, before it is done."""

    run: Run
    step: int
    """The first step that is taken back, an index into the plan's."""
    files: tuple[str, ...]
    """Paths that get their old bytes and mode, or go."""
    services: tuple[str, ...]
    """Those that are told, in order."""

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "run": self.run.id,
            "title": self.run.plan.title,
            "steps": list(self.run.plan.steps[self.step :]),
            "files": list(self.files),
            "services": list(self.services),
        }


def returning(found: Iterable[Run], *, only_last_step: bool) -> Return:
    """Return what :func:`undo` (``only_last_step``) or :func:`rollback` will do.

    Raises ``NothingToDo``.
    """
    run = to_undo(found)
    step = run.last_step() if only_last_step else 0
    if run.undoing_from is not None:
        step = min(step, run.undoing_from)
    commands = way_back(run, step)
    files = (one.path for one in commands if isinstance(one, WriteFile))
    services = (one.service for one in commands if isinstance(one, RecreateService | ReloadService))
    return Return(run, step, tuple(dict.fromkeys(files)), tuple(dict.fromkeys(services)))


async def undo(ports: Ports, chosen: Chosen | None = None) -> Run:
    """Take back the newest step that is in force; return the run as it is then.

    ``chosen`` says how from here on; None: as before.
    Raises ``NothingToDo``, ``Locked``, and ``EditedMeanwhile`` before anything is done.
    """
    return await _from(ports, chosen, only_last_step=True)


async def rollback(ports: Ports, chosen: Chosen | None = None) -> Run:
    """Take back the whole newest run that is in force, to before its first command.

    Raises like :func:`undo`.
    """
    return await _from(ports, chosen, only_last_step=False)


async def _from(ports: Ports, chosen: Chosen | None, *, only_last_step: bool) -> Run:
    with ports.journal.lock():
        run = to_undo(runs(ports.journal.records()))
        choose(ports, run, chosen)
        step = run.last_step() if only_last_step else 0
        if run.status is not Status.UNDOING or step < (run.undoing_from or 0):
            check_untouched(ports, expected(run, forward=False))
            _append(ports, run, Record(Event.UNDO, run.id, unix(ports.clock()), step=step))
        await take_back(ports, run)
        return run


def choose(ports: Ports, run: Run, chosen: Chosen | None) -> None:
    """Keep that ``run`` is carried out in another way from here on."""
    if chosen is not None and chosen != run.chosen:
        _append(ports, run, Record(Event.CHOSEN, run.id, unix(ports.clock()), chosen=chosen))


async def take_back(ports: Ports, run: Run) -> None:
    """Go the way back as far as the journal says; may be interrupted and called again."""
    check_untouched(ports, expected(run, forward=False))
    commands = way_back(run)
    for one in (one for one in commands if isinstance(one, WriteFile)):
        ports.files.check_writable(one.path)
    if any(isinstance(one, RecreateService | ReloadService) for one in commands):
        await ports.services.check()
    for command in commands:
        ports.progress(Progress(Moment.RESTORING, command))
        if isinstance(command, WriteFile):
            restore(ports, run, command)
        else:
            _append(ports, run, _of(ports, run, Event.RESTORING, command.id))
            await tell_service(ports, command)
            _append(ports, run, _of(ports, run, Event.RESTORED, command.id))
        ports.progress(Progress(Moment.RESTORED, command))
    _append(ports, run, Record(Event.UNDONE, run.id, unix(ports.clock())))


def _of(ports: Ports, run: Run, event: Event, command: str) -> Record:
    return Record(event, run.id, unix(ports.clock()), command)


def _append(ports: Ports, run: Run, record: Record) -> None:
    ports.journal.append(record)
    run.apply(record)
