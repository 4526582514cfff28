"""A plan and its run as pages show them: steps with their commands, states and notices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from keyturn.console.deployment.jobs import Job
from keyturn.migrate.commands import Command, Tell, WaitUntil, WriteFile
from keyturn.migrate.plan import Plan
from keyturn.migrate.run import Run, State
from keyturn.migrate.wording import in_words

MARKS: Final = {
    State.PENDING: ("", "to do"),
    State.STARTED: ("wait", "now"),
    State.DONE: ("good", "done"),
    State.RESTORING: ("wait", "going back"),
    State.RESTORED: ("wait", "back"),
}


@dataclass(frozen=True)
class Line:
    """One command in words."""

    text: str
    notice: str
    """What users notice; empty: nothing."""
    because: str
    changes: tuple[str, ...]
    kind: str = ""
    """Colour of its state."""
    word: str = ""
    """Its state; empty while nothing was begun."""
    took: float | None = None
    """Seconds, when they are known."""


@dataclass(frozen=True)
class ShownStep:
    """One step."""

    title: str
    lines: tuple[Line, ...]
    done: bool


def steps(plan: Plan, run: Run | None = None, job: Job | None = None) -> tuple[ShownStep, ...]:
    """Return the steps of ``plan``; with the run's states when there is one."""
    return tuple(
        ShownStep(
            title,
            tuple(_lines(plan, number, run, job)),
            run is not None and _done(plan, number, run),
        )
        for number, title in enumerate(plan.steps)
    )


def _done(plan: Plan, number: int, run: Run) -> bool:
    return all(run.state(one) is State.DONE for one in plan.commands if one.step == number)


def _lines(plan: Plan, number: int, run: Run | None, job: Job | None) -> Iterator[Line]:
    for command in plan.commands:
        if command.step != number:
            continue
        kind, word = MARKS[run.state(command)] if run is not None else ("", "")
        yield Line(
            command.text if isinstance(command, Tell) else in_words(command),
            str(getattr(command, "notice", "")),
            command.why if isinstance(command, WaitUntil) else "",
            command.changes if isinstance(command, WriteFile) else (),
            kind,
            word,
            job.took.get(command.id) if job is not None and _slow(command) else None,
        )


def _slow(command: Command) -> bool:
    return not isinstance(command, WriteFile | Tell)


def diff_lines(diff: str) -> list[tuple[str, str]]:
    """Return each line with what it is: ``head``, ``hunk``, ``added``, ``removed`` or empty."""
    return [(_kind(line), line) for line in diff.splitlines()]


def _kind(line: str) -> str:
    if line.startswith(("+++", "---")):
        return "head"
    return {"@": "hunk", "+": "added", "-": "removed"}.get(line[:1], "")
