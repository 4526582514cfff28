"""What the journal says about a run, and what comes next: the decisions of the engine.

A command is *pending*, *started* or *done*; on the way back, *restoring* or *restored*. Files go
back first, newest first, and only then are the services created anew, newest first: a container
made before its files are back would only get the new environment again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from keyturn.errors import Conflict
from keyturn.migrate.commands import (
    Command,
    RecreateService,
    ReloadService,
    ServiceCommand,
    Stamp,
    WriteFile,
)
from keyturn.migrate.journal import Chosen, DamagedJournal, Event, Record
from keyturn.migrate.plan import Plan


class State(StrEnum):
    """How far a command has come."""

    PENDING = "pending"
    STARTED = "started"
    DONE = "done"
    RESTORING = "restoring"
    RESTORED = "restored"


class Status(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    """It was interrupted, or waits: ``resume`` goes on."""
    UNDOING = "undoing"
    """Taking back was interrupted: ``resume`` goes on with that."""
    STOPPED = "stopped"
    """A step was taken back; the steps before it are in force."""
    FINISHED = "finished"
    ROLLED_BACK = "rolled_back"
    """Nothing of it is left."""


class NothingToDo(Conflict):
    """There is nothing to go on with, or to take back."""

    code = "nothing_to_do"


class RunUnderWay(Conflict):
    """Another change is not finished."""

    code = "run_under_way"
    default_hint = "Go on with `resume`, or take it back with `rollback`."


@dataclass(slots=True)
class Run:
    """One run of a plan, as far as the journal tells."""

    id: str
    plan: Plan
    begun: int
    states: dict[str, State] = field(default_factory=dict)
    done_at: dict[str, int] = field(default_factory=dict)
    before: dict[str, Stamp | None] = field(default_factory=dict)
    """Write command → what the file was when it was replaced."""
    levels: dict[str, int] = field(default_factory=dict)
    """Service → the newest step whose files it may have seen when it was created last."""
    undoing_from: int | None = None
    stopped: bool = False
    finished: bool = False
    failure: str | None = None
    chosen: Chosen = field(default_factory=dict)
    """How it is carried out."""

    def state(self, command: Command) -> State:
        """Return how far ``command`` has come."""
        return self.states.get(command.id, State.PENDING)

    @property
    def status(self) -> Status:
        """Return how far the run has come."""
        if self.undoing_from is not None:
            return Status.UNDOING
        if self.finished:
            return Status.FINISHED
        if self.stopped:
            return Status.STOPPED if self._touched() else Status.ROLLED_BACK
        return Status.RUNNING

    @property
    def settled(self) -> bool:
        """Whether another run may begin."""
        return self.status in (Status.FINISHED, Status.ROLLED_BACK, Status.STOPPED)

    @property
    def next_command(self) -> Command | None:
        """Return the first command that is not done."""
        return next((c for c in self.plan.commands if self.state(c) is not State.DONE), None)

    def _touched(self) -> list[Command]:
        return [one for one in self.plan.commands if self.state(one) is not State.PENDING]

    def last_step(self) -> int:
        """Return the newest step of which something was begun; 0 when nothing was."""
        touched = self._touched()
        return touched[-1].step if touched else 0

    def apply(self, record: Record) -> None:
        """Take one more line into account."""
        if record.event in (Event.STARTED, Event.DONE, Event.RESTORING, Event.RESTORED):
            self._command_record(record)
        elif record.event is Event.FAILED:
            self.failure = record.reason
        elif record.event is Event.UNDO:
            self.undoing_from, self.finished = record.step or 0, False
        elif record.event is Event.UNDONE:
            self._undone()
        elif record.event is Event.CHOSEN:
            self.chosen = record.chosen or {}
        elif record.event is Event.FINISHED:
            self.finished, self.stopped, self.failure = True, False, None

    def _command_record(self, record: Record) -> None:
        name = record.command or ""
        self.states[name] = State(record.event.value)
        if record.event is Event.STARTED:
            self.before[name] = record.before
            self.stopped = False
        elif record.event is Event.DONE:
            self.done_at[name] = record.at
            self.stopped = False
        self._level(name, record.event)

    def _level(self, name: str, event: Event) -> None:
        command = self.plan.command(name)
        if not isinstance(command, RecreateService | ReloadService):
            return
        if event is Event.STARTED:
            self.levels[command.service] = command.step
        elif event is Event.RESTORED:
            self.levels[command.service] = (self.undoing_from or 0) - 1

    def _undone(self) -> None:
        first = self.undoing_from or 0
        for one in self.plan.commands:
            if one.step >= first:
                self.states.pop(one.id, None)
                # What was proven then is no evidence any more.
                self.done_at.pop(one.id, None)
        self.undoing_from, self.stopped = None, True


def runs(records: Iterable[Record]) -> tuple[Run, ...]:
    """Return all runs, the one last that was worked on last; raises :class:`DamagedJournal`.

    So the last one is the one that may be under way: also when it is an older one, which is being
    taken back after a newer one was.
    """
    found: dict[str, Run] = {}
    for record in records:
        if record.event is Event.BEGIN:
            if record.plan is None or record.run in found:
                raise DamagedJournal
            begun = Run(record.run, record.plan, record.at, chosen=record.chosen or {})
            found[record.run] = begun
        elif record.run not in found:
            raise DamagedJournal
        else:
            found[record.run] = run = found.pop(record.run)
            _apply(run, record)
    return tuple(found.values())


def _apply(run: Run, record: Record) -> None:
    try:
        run.apply(record)
    except KeyError:
        raise DamagedJournal(f"The journal names a command {record.command} of no plan.") from None


def to_resume(found: Iterable[Run]) -> Run:
    """Return the run to go on with: the last one, unless it is finished or wholly taken back."""
    last = next(reversed(tuple(found)), None)
    if last is None or last.status in (Status.FINISHED, Status.ROLLED_BACK):
        raise NothingToDo("No change is under way, so there is nothing to resume.")
    return last


def to_undo(found: Iterable[Run]) -> Run:
    """Return the newest run of which something is in force.

    Raises :class:`NothingToDo` when nothing is.
    """
    for run in reversed(tuple(found)):
        if run.status is not Status.ROLLED_BACK:
            return run
    raise NothingToDo("No change is in force, so there is nothing to undo.")


def check_same(run: Run, asked: str, folder: str) -> None:
    """Raise :class:`RunUnderWay` unless ``run`` is what was ``asked`` for (:attr:`Plan.verb`).

    ``phase`` alone asks for the migration, whichever phase is next.
    """
    verb = run.plan.verb
    if verb == asked or (asked == "phase" and verb.startswith("phase ")):
        return
    group = group_of(run.plan)
    state = "being taken back" if run.status is Status.UNDOING else "under way"
    raise RunUnderWay(
        f"Another change is {state}: “{run.plan.title}”. Nothing was done.",
        hint=f"`keyturn {group} resume {folder}` goes on with it, `keyturn {group} rollback "
        f"{folder}` takes it back; then ask again.",
    )


def group_of(plan: Plan) -> str:
    """Return the command, ``migrate`` or ``rotate``, whose verbs go on with a plan."""
    return "rotate" if plan.verb.startswith(("rotate", "publish", "revoke")) else "migrate"


def way_back(run: Run, step: int | None = None) -> tuple[WriteFile | ServiceCommand, ...]:
    """Return what is still to be taken back, in order: files, then services, newest first.

    ``step``: what would be, if everything from that step on were; None: what the journal says.

    A service goes back when it may have seen files of these steps, also when it was created anew by
    taking back a later step. One that was only ever reloaded is reloaded.
    """
    first = (run.undoing_from or 0) if step is None else step
    backwards = tuple(one for one in reversed(run.plan.commands) if one.step >= first)
    files = [
        one
        for one in backwards
        if isinstance(one, WriteFile) and run.state(one) not in (State.PENDING, State.RESTORED)
    ]
    services: dict[str, ServiceCommand] = {}
    for one in backwards:
        if isinstance(one, RecreateService | ReloadService) and _saw(run, one.service, first):
            known = services.setdefault(one.service, one)
            if isinstance(one, RecreateService) and isinstance(known, ReloadService):
                services[one.service] = one
    return (*files, *services.values())


def _saw(run: Run, service: str, step: int) -> bool:
    """Whether its container was made from files that steps from ``step`` on had written."""
    level = run.levels.get(service, -1)
    return any(step <= one.step <= level for one in run.plan.writes)


def expected(run: Run, *, forward: bool) -> Mapping[str, frozenset[str | None]]:
    """Return path → the checksums that its file may have now; None: it may be absent.

    On the way forward every file that the plan was made from counts, on the way back only those
    that were written: whoever edits another one while a change waits can still take it back.
    """
    found: dict[str, frozenset[str | None]] = (
        {path: frozenset((sha,)) for path, sha in run.plan.inputs.items()} if forward else {}
    )
    for one in run.plan.writes:
        before = one.before.sha256 if one.before else None
        match run.state(one):
            case State.DONE:
                found[one.path] = frozenset((one.after.sha256,))
            case State.STARTED | State.RESTORING:
                found[one.path] = frozenset((before, one.after.sha256))
            case _:
                pass
    return found
