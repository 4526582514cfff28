"""One command of a plan: announce it in the journal, do it, say that it is done.

Each function may be interrupted at any instant and called again: what is there already is
recognised by its checksum, and doing it twice comes to the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.clock import from_unix, unix
from keyturn.errors import Conflict, WaitNotOver
from keyturn.flows.ports.apply import Moment, Ports, Progress
from keyturn.migrate.commands import (
    Command,
    Probe,
    RecreateService,
    ReloadService,
    ServiceCommand,
    Stamp,
    Tell,
    WaitUntil,
    WriteFile,
    length,
)
from keyturn.migrate.journal import Event, Record
from keyturn.migrate.run import Run, State
from keyturn.secret import Secret


class EditedMeanwhile(Conflict):
    """Somebody else changed a file of this deployment in between; nothing more was done."""

    code = "edited_meanwhile"


class LostContent(Conflict):
    """What must be written is not kept any more."""

    code = "lost_content"


def check_untouched(ports: Ports, expected: Mapping[str, frozenset[str | None]]) -> None:
    """Raise :class:`EditedMeanwhile` when a file is neither as it was nor as Keyturn left it."""
    for path, allowed in expected.items():
        stamp = ports.files.stamp(path)
        if (stamp.sha256 if stamp else None) not in allowed:
            raise edited(path, gone=stamp is None, new=allowed == frozenset((None,)))


def edited(path: str, *, gone: bool, new: bool = False) -> EditedMeanwhile:
    """Return the explanation for a file that somebody else changed, deleted or made."""
    what = "was deleted" if gone else "was made" if new else "was changed"
    return EditedMeanwhile(
        f"{path} {what} by somebody else since Keyturn looked at it last; nothing more was done.",
        hint=f"Put {path} back as it was (or away) and try again, or make a new plan from the files"
        " as they are now. The old contents are in .keyturn/runs/.",
    )


async def do(ports: Ports, run: Run, command: Command, *, wait: bool) -> None:
    """Carry out one command of a plan and record it.

    Raises :class:`EditedMeanwhile` and ``WaitNotOver`` before anything is done, and whatever the
    ports raise when it does not work.
    """
    match command:
        case WriteFile():
            _write(ports, run, command)
        case RecreateService() | ReloadService():
            _record(ports, run, Event.STARTED, command)
            await tell_service(ports, command)
        case Probe():
            await ports.prober.probe(command)
        case WaitUntil():
            await _wait(ports, run, command, wait=wait)
        case Tell():
            pass
    _record(ports, run, Event.DONE, command)


async def tell_service(ports: Ports, command: ServiceCommand) -> None:
    """Recreate or reload; the same on the way there and on the way back."""
    if isinstance(command, RecreateService):
        await ports.services.recreate(command.service)
    else:
        await ports.services.reload(command.service, command.way, command.argument)


def restore(ports: Ports, run: Run, command: WriteFile) -> None:
    """Put the file back as it was, bytes and mode, and record it.

    Raises :class:`EditedMeanwhile` when the file is not as Keyturn left it, and
    :class:`LostContent` when there is no backup.
    """
    ports.files.tidy(command.path)
    before = run.before.get(command.id, command.before)
    stamp = ports.files.stamp(command.path)
    found = stamp.sha256 if stamp else None
    if found not in (command.after.sha256, before.sha256 if before else None):
        raise edited(command.path, gone=stamp is None)
    backup = ports.journal.backup(run.id, command.id, before.sha256) if before else None
    if before is not None and backup is None and stamp != before:
        raise LostContent(
            f"The backup of {command.path} is not there any more.",
            hint="Make a new plan that changes the file as you want it.",
        )
    _record(ports, run, Event.RESTORING, command)
    if before is None:
        ports.files.remove(command.path)
    elif stamp != before and backup is not None:
        ports.files.write(command.path, backup, before.mode, in_place=command.in_place)
    _record(ports, run, Event.RESTORED, command)


def new_content(ports: Ports, plan: str, command: WriteFile) -> Secret:
    """Return what the command writes; raises :class:`LostContent` when it is not as planned."""
    content = ports.journal.staged(plan, command.id, command.after.sha256)
    if content is None:
        raise LostContent(
            f"The new content of {command.path} is not kept in .keyturn/ any more, so the step "
            "cannot be repeated. Nothing was done.",
            hint="Plan anew from the files as they are: give the command itself, without resume or "
            "apply; what is in force stays.",
        )
    return content


def _write(ports: Ports, run: Run, command: WriteFile) -> None:
    ports.files.tidy(command.path)
    stamp = ports.files.stamp(command.path)
    found = stamp.sha256 if stamp else None
    if run.state(command) is State.STARTED and found == command.after.sha256:
        return
    if found != (command.before.sha256 if command.before else None):
        raise edited(command.path, gone=stamp is None)
    content = new_content(ports, run.plan.id, command)
    if stamp is not None:
        ports.journal.back_up(run.id, command.id, ports.files.read(command.path))
    _record(ports, run, Event.STARTED, command, before=stamp, after=command.after)
    # A mode that the plan does not change is the user's, also when it changed since.
    kept = command.before is not None and command.before.mode == command.after.mode
    mode = None if kept else command.after.mode
    ports.files.write(command.path, content, mode, in_place=command.in_place)


async def _wait(ports: Ports, run: Run, command: WaitUntil, *, wait: bool) -> None:
    since = run.begun if command.since is None else run.done_at.get(command.since, run.begun)
    until = since + command.seconds
    while (left := until - unix(ports.clock())) > 0:
        ports.progress(Progress(Moment.WAITING, command, str(until)))
        if not wait:
            raise WaitNotOver(
                f"The next step is safe from {from_unix(until):%Y-%m-%d %H:%M:%S} UTC on, "
                f"{length(left)} from now: {command.why or 'caches must expire'}.",
                until_unix=until,
                hint="Run the same command again then, or let it wait with --wait. Everything "
                "works meanwhile.",
            )
        await ports.sleep(left)


def _record(
    ports: Ports,
    run: Run,
    event: Event,
    command: Command,
    *,
    before: Stamp | None = None,
    after: Stamp | None = None,
) -> None:
    record = Record(event, run.id, unix(ports.clock()), command.id, before, after)
    ports.journal.append(record)
    run.apply(record)
