"""How a deployment stands, as sentences and a timeline: values in, words out, nothing secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.clock import from_unix
from keyturn.console.deployment.jobs import Job
from keyturn.console.timeline import Entry
from keyturn.console.words import ago, clock, count
from keyturn.doctor.finding import Severity
from keyturn.doctor.readiness import Readiness
from keyturn.doctor.report import Report
from keyturn.errors import KeyturnError, RefusedUnsafe, WaitNotOver
from keyturn.flows.apply_status import Standing
from keyturn.flows.change import Proposal
from keyturn.migrate.run import Run, State, Status

NOW_AT: Final = {
    "0": "Every service verifies HS256 only; the move to ES256 has not begun.",
    "1": "Every service verifies HS256 and ES256; Auth still signs HS256.",
    "2": "Auth signs ES256; the legacy secret and the legacy keys are still accepted.",
    "3": "The move to ES256 is done: nothing accepts the legacy secret.",
}
STATUS_WORDS: Final = {
    Status.RUNNING: ("wait", "under way"),
    Status.UNDOING: ("wait", "being taken back"),
    Status.STOPPED: ("bad", "partly taken back"),
    Status.FINISHED: ("good", "done"),
    Status.ROLLED_BACK: ("", "taken back"),
}


@dataclass(frozen=True)
class Sentence:
    """How things stand; ``good`` chooses its colour."""

    text: str
    good: bool


@dataclass(frozen=True)
class Phase:
    """One of the three stops of the path."""

    number: int
    title: str
    what: str
    reached: bool
    following: bool
    """Whether it is the next one."""


@dataclass(frozen=True)
class Outlook:
    """What may be done next: a plan, or why not (and until when)."""

    proposal: Proposal | None = None
    error: KeyturnError | None = None

    @property
    def until(self) -> datetime | None:
        """From when on it is safe, where only time is missing."""
        return from_unix(self.error.until_unix) if isinstance(self.error, WaitNotOver) else None

    @property
    def reasons(self) -> list[dict[str, str | None]]:
        """Every reason of a refusal, with its place and remedy."""
        details = self.error.details if isinstance(self.error, RefusedUnsafe) else ()
        return [one.as_dict() for one in details]


@dataclass(frozen=True)
class NextStep:
    """The step that would be done next."""

    number: int
    """From 1."""
    of: int
    title: str
    begun: bool
    """It was interrupted in the middle."""


def next_step(run: Run) -> NextStep | None:
    """Return the step that comes next; None when nothing is under way, or it is taken back."""
    following = run.next_command if run.status in (Status.RUNNING, Status.STOPPED) else None
    if following is None:
        return None
    own = (run.state(one) for one in run.plan.commands if one.step == following.step)
    begun = any(state is not State.PENDING for state in own)
    title = run.plan.steps[following.step]
    return NextStep(following.step + 1, len(run.plan.steps), title, begun)


_PHASES: Final = (
    ("Both", "Every service verifies HS256 and ES256; Auth signs as before."),
    ("ES256 signs", "Auth signs ES256; sessions from before stay valid."),
    ("Legacy ends", "The old secret and the legacy keys open nothing any more."),
)


def phases(readiness: Readiness) -> tuple[Phase, ...]:
    """Return the three stops."""
    following = int(readiness.next) if readiness.next else 4
    return tuple(
        Phase(number, title, what, number < following, number == following)
        for number, (title, what) in enumerate(_PHASES, 1)
    )


def sentence(
    report: Report,
    standing: Standing | None,
    job: Job | None,
    outlook: Outlook | None,
    following: NextStep | None = None,
) -> Sentence:
    """Return the one sentence of the overview: what goes on, else how things stand."""
    if job is not None and job.changes:
        return Sentence(f"“{job.title}” is being worked on: {job.doing or 'it begins'}.", True)
    if standing is not None and standing.status in (Status.RUNNING, Status.UNDOING):
        calm = standing.waits_until is not None or (following is not None and not following.begun)
        return Sentence(_unfinished(standing, following), calm)
    now = NOW_AT.get(report.readiness.phase) or " ".join(report.readiness.split)
    worst = [one for one in report.findings if one.severity in (Severity.CRITICAL, Severity.ERROR)]
    if worst:
        return Sentence(f"{now} Doctor finds {count(len(worst), 'problem')} to mend first.", False)
    if outlook is not None and outlook.until is not None:
        return Sentence(f"{now} The next phase may begin at {clock(outlook.until)}.", True)
    return Sentence(now, report.readiness.phase in NOW_AT)


def _unfinished(standing: Standing, following: NextStep | None) -> str:
    if standing.status is Status.UNDOING:
        return f"Taking back “{standing.title}” was interrupted; go on with it."
    if standing.waits_until is not None:
        until = clock(from_unix(standing.waits_until))
        return f"“{standing.title}” waits until {until}; everything works meanwhile."
    if following is not None and not following.begun and following.number > 1:
        done = f"{following.number - 1} of {following.of}"
        return (
            f"“{standing.title}” stands after step {done}; everything works meanwhile. Next: "
            f"“{following.title}”."
        )
    return f"“{standing.title}” is not finished: go on with it, or take it back."


def timeline(
    runs: Sequence[Run], standing: Standing | None, outlook: Outlook | None, now: datetime
) -> list[Entry]:
    """Return what was done, what waits (why, and until when), and what comes next."""
    found = [_past(run) for run in runs]
    if standing is not None and standing.waits_until is not None:
        found.append(_waiting(from_unix(standing.waits_until), standing.title, "", now))
    if outlook is not None:
        found.extend(_ahead(outlook, now))
    return found


def _past(run: Run) -> Entry:
    kind, word = STATUS_WORDS[run.status]
    ended = max(run.done_at.values(), default=run.begun)
    at = ended if run.status is Status.FINISHED else run.begun
    return Entry(from_unix(at), kind, word, run.plan.title, run.failure or "")


def _waiting(until: datetime, title: str, why: str, now: datetime) -> Entry:
    left = f"{ago(until - now)} left" if until > now else "the wait is over"
    return Entry(until, "wait", left, title, why)


def _ahead(outlook: Outlook, now: datetime) -> Iterator[Entry]:
    if outlook.until is not None and outlook.error is not None:
        yield _waiting(outlook.until, "The next step may begin", outlook.error.message, now)
    elif outlook.proposal is not None:
        yield Entry(None, "standby", "next", outlook.proposal.prepared.plan.title)
    elif outlook.error is not None and isinstance(outlook.error, RefusedUnsafe):
        yield Entry(None, "bad", "stopped", "The next step is not possible yet", _first(outlook))


def _first(outlook: Outlook) -> str:
    reasons = outlook.reasons
    if not reasons:
        return outlook.error.message if outlook.error else ""
    more = f" And {count(len(reasons) - 1, 'more reason')}." if len(reasons) > 1 else ""
    return f"{reasons[0]['problem']}{more}"
