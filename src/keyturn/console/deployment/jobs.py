"""What goes on behind the pages: one job at a time, watched by whoever likes to.

A change is safe to interrupt at any instant: the journal says what was begun, and *go on* or *take
back* find it. So a job needs no store of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from keyturn.clock import Clock
from keyturn.errors import Conflict, KeyturnError


class Kind(StrEnum):
    """What a job does."""

    APPLY = "apply"
    RESUME = "resume"
    UNDO = "undo"
    ROLLBACK = "rollback"
    REHEARSAL = "rehearsal"
    QUESTIONS = "questions"
    """Doctor asks the running services."""


CHANGES = frozenset({Kind.APPLY, Kind.RESUME, Kind.UNDO, Kind.ROLLBACK})


class Busy(Conflict):
    """Something else is going on; nothing was begun."""

    code = "busy"

    def __init__(self, title: str) -> None:
        """``title`` says what is going on."""
        super().__init__(
            f"“{title}” is going on; nothing else was begun.", hint="Wait until it is done."
        )


class NotWaiting(Conflict):
    """Nothing waits, so there is nothing to stop."""

    code = "not_waiting"


class Paused(KeyturnError):
    """A step is done and nobody asked for the next one yet; everything works meanwhile."""

    code = "paused"


@dataclass
class Job:
    """One piece of work; ``problem`` and ``result`` are there once it has ended."""

    kind: Kind
    title: str
    actor: str
    begun: datetime
    ended: datetime | None = None
    problem: KeyturnError | None = None
    stopped: bool = False
    """Somebody ended it, or the console stopped."""
    paused: bool = False
    """The one step that was asked for is done, and there are more."""
    result: object = None
    doing: str = ""
    part: float | None = None
    """How much is done, 0 to 1, where that is known."""
    waits_until: int | None = None
    """Unix seconds, while it only waits."""
    took: dict[str, float] = field(default_factory=dict)
    """Command → seconds."""
    _since: dict[str, datetime] = field(default_factory=dict)

    @property
    def going_on(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    @property
    def changes(self) -> bool:
        """Whether it may change the deployment."""
        return self.kind in CHANGES

    def begin(self, command: str, now: datetime) -> None:
        """Note that ``command`` begins."""
        self._since[command], self.waits_until = now, None

    def finish(self, command: str, now: datetime) -> None:
        """Note that ``command`` is over."""
        since = self._since.get(command, now)
        self.took[command], self.waits_until = (now - since).total_seconds(), None


class Jobs:
    """Runs them; one per process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self.newest: Job | None = None
        self._last: dict[Kind, Job] = {}

    @property
    def current(self) -> Job | None:
        """The job that goes on now."""
        return self.newest if self.newest is not None and self.newest.going_on else None

    def last(self, *kinds: Kind) -> Job | None:
        """Return the newest job of these kinds."""
        found = [job for kind in kinds if (job := self._last.get(kind)) is not None]
        return max(found, key=lambda job: job.begun, default=None)

    def start(
        self, kind: Kind, title: str, actor: str, work: Callable[[Job], Awaitable[object]]
    ) -> Job:
        """Begin ``work`` and return at once; raises :class:`Busy`."""
        if self.current is not None:
            raise Busy(self.current.title)
        job = Job(kind, title, actor, self._clock())
        self.newest = self._last[kind] = job
        self._task = asyncio.create_task(self._run(job, work), name=f"keyturn-{kind}")
        return job

    def stop(self) -> Job:
        """End the job that goes on, when that harms nobody; raises :class:`NotWaiting`.

        A rehearsal may always be ended, a change only while it waits.
        """
        job = self.current
        harmless = job is not None and (
            job.kind is Kind.REHEARSAL or (job.changes and job.waits_until is not None)
        )
        if job is None or not harmless or self._task is None:
            raise NotWaiting
        self._task.cancel()
        return job

    async def close(self) -> None:
        """End what goes on: the process stops, and the journal knows how far it came."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, job: Job, work: Callable[[Job], Awaitable[object]]) -> None:
        try:
            job.result = await work(job)
        except Paused:
            job.paused = True
        except KeyturnError as problem:
            job.problem = problem
        except asyncio.CancelledError:
            job.stopped = True
        except OSError as problem:
            job.problem = KeyturnError(f"{problem.filename or ''} {problem.strerror}.".strip())
        except Exception:
            job.problem = KeyturnError(
                "Keyturn itself failed; the journal says how far it came.",
                hint="The same command of `keyturn` on the command line says more.",
            )
            raise
        finally:
            job.ended, job.waits_until = self._clock(), None
