"""What was asked and what came of it, phase by phase: the numbers that a rehearsal is about.

A *refusal* is a final no to somebody who was served before. An *interruption* is no answer while a
service is created anew; it becomes a refusal when it lasts longer than :data:`PATIENCE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from keyturn.clock import Clock
from keyturn.deploy.inventory import Kind
from keyturn.errors import Detail, KeyturnError, RefusedUnsafe

PATIENCE: Final = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody does again and again."""

    who: str
    what: str
    service: Kind

    def __str__(self) -> str:
        return f"{self.who} {self.what}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, and why; no member holds a credential."""

    act: Act
    credential: str
    """Its kind, in words."""
    status: int | None
    code: str | None
    message: str
    why: str


@dataclass(frozen=True, slots=True)
class Intrusion:
    """A credential that must be refused and was not."""

    service: Kind
    credential: str
    direct: bool
    """Past the gateway."""


class Outcome(StrEnum):
    """How a phase ended."""

    DONE = "done"
    NOT_POSSIBLE = "not possible"
    """The deployment does not allow it; nothing was changed."""
    FAILED = "failed"
    """A step did not work and was taken back."""
    NOTHING_TO_DO = "nothing to do"
    UNDER_WAY = "under way"


@dataclass(slots=True)
class Phase:
    """One part of the rehearsal."""

    name: str
    title: str
    began: datetime
    outcome: Outcome = Outcome.UNDER_WAY
    reason: str | None = None
    hint: str | None = None
    details: tuple[Detail, ...] = ()
    """Every reason, where there are several."""
    seconds: float = 0.0
    """Of the rehearsal's clock."""
    steps: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    requests: int = 0
    interrupted: int = 0
    refusals: dict[Refusal, int] = field(default_factory=dict)
    longest: tuple[Kind, float] | None = None
    forged: int = 0
    """Requests with credentials that must be refused."""
    intrusions: dict[Intrusion, int] = field(default_factory=dict)
    signed_out: int = 0

    @property
    def refused(self) -> int:
        """Return how many requests were refused that should have passed."""
        return sum(self.refusals.values())

    @property
    def accepted(self) -> int:
        """Return how many requests passed that should have been refused."""
        return sum(self.intrusions.values())


class Ledger:
    """Keeps the count."""

    def __init__(self, clock: Clock, why_down: Callable[[Kind], str | None]) -> None:
        self._clock, self._why_down = clock, why_down
        self.phases: list[Phase] = []
        self.broken_before: dict[Act, Refusal] = {}
        """What did not work before anything was changed; it is nobody's fault now."""
        self.cannot_move: dict[Act, Refusal] = {}
        """Calls for which the new API keys do not do, and why."""
        self.open_before: set[Kind] = set()
        """Services that check nothing, so that a forged credential passes there."""
        self._worked: set[Act] = set()
        self._away_since: dict[Kind, datetime] = {}

    @property
    def now(self) -> Phase:
        """Return the phase that is under way."""
        return self.phases[-1]

    def begin(self, name: str, title: str) -> Phase:
        """Begin the next phase."""
        self.phases.append(Phase(name, title, self._clock()))
        return self.now

    def end(self, outcome: Outcome, problem: KeyturnError | None = None) -> None:
        """End it; ``problem`` says why it did not go well."""
        phase = self.now
        phase.outcome = outcome
        if problem is not None:
            phase.reason, phase.hint = problem.message, problem.hint
            phase.details = problem.details if isinstance(problem, RefusedUnsafe) else ()
        phase.seconds = (self._clock() - phase.began).total_seconds()

    def passed(self, act: Act) -> None:
        """It worked."""
        self.now.requests += 1
        self._worked.add(act)
        self._back(act.service)

    def refused(self, refusal: Refusal) -> None:
        """It was refused, for good."""
        self._back(refusal.act.service)
        self._refused(refusal)

    def away(self, act: Act, credential: str) -> None:
        """Nobody answered."""
        now = self._clock()
        since = self._away_since.setdefault(act.service, now)
        if now - since <= PATIENCE:
            self.now.requests += 1
            self.now.interrupted += 1
            return
        why = self._why_down(act.service) or "the service did not come back"
        said = f"no answer for more than {int(PATIENCE.total_seconds())} s"
        self._refused(Refusal(act, credential, None, None, said, why))

    def forged(self, intrusion: Intrusion, *, accepted: bool) -> None:
        """Somebody tried what must fail."""
        self.now.forged += 1
        if not accepted:
            return
        if len(self.phases) == 1:
            self.open_before.add(intrusion.service)
        if intrusion.service not in self.open_before:
            self.now.intrusions[intrusion] = self.now.intrusions.get(intrusion, 0) + 1

    def signed_out(self) -> None:
        """Somebody has to sign in again."""
        if len(self.phases) > 1:
            self.now.signed_out += 1

    def stuck(self, refusal: Refusal) -> None:
        """A call cannot be made with a new API key."""
        self.cannot_move.setdefault(refusal.act, refusal)

    def worked_before(self, act: Act) -> bool:
        """Whether it worked at some time, or was never tried before."""
        return act in self._worked or act not in self.broken_before

    def _refused(self, refusal: Refusal) -> None:
        self.now.requests += 1
        if len(self.phases) == 1 and refusal.act not in self._worked:
            self.broken_before.setdefault(refusal.act, refusal)
        elif self.worked_before(refusal.act):
            counts = self.now.refusals
            counts[refusal] = counts.get(refusal, 0) + 1

    def _back(self, kind: Kind) -> None:
        since = self._away_since.pop(kind, None)
        if since is None:
            return
        lasted = (self._clock() - since).total_seconds()
        if self.now.longest is None or lasted > self.now.longest[1]:
            self.now.longest = (kind, lasted)


def total(phases: Iterable[Phase], count: Callable[[Phase], int]) -> int:
    """Return a sum over phases."""
    return sum(map(count, phases))
