"""Whether a key has signed long enough to be turned on a schedule, from what the journal proved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from keyturn.clock import from_unix, unix
from keyturn.errors import WaitNotOver
from keyturn.migrate.commands import Probe
from keyturn.migrate.proof import SIGN
from keyturn.migrate.run import Run, Status

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Due:
    """It is time."""

    kid: str
    since: int | None
    """Unix seconds since when ``kid`` signs; None: nobody knows."""
    every_days: int

    @property
    def sentence(self) -> str:
        """Return why, for people."""
        if self.since is None:
            return f"Nobody knows since when {self.kid} signs, so it is turned now."
        return (
            f"{self.kid} has signed since {from_unix(self.since):%Y-%m-%d %H:%M} UTC, "
            f"{self.every_days} days or more."
        )


def due(kid: str, since: int | None, every_days: int, now: datetime) -> Due:
    """Return why it is time; raises ``WaitNotOver`` (exit 75) with the moment when it is not."""
    moment = None if since is None else since + every_days * DAY
    if moment is not None and unix(now) < moment:
        raise WaitNotOver(
            f"Not yet: {kid} is turned from {from_unix(moment):%Y-%m-%d %H:%M} UTC on.",
            until_unix=moment,
        )
    return Due(kid, since, every_days)


def signs_since(runs: Iterable[Run], kid: str) -> int | None:
    """Return since when the journal saw ``kid`` sign without a break; None: never."""
    seen = sorted(
        (at, probe.arguments.get("kid"))
        for run in runs
        if run.status not in (Status.ROLLED_BACK, Status.UNDOING)
        for probe in run.plan.commands
        if isinstance(probe, Probe) and probe.name == SIGN
        if (at := run.done_at.get(probe.id)) is not None
    )
    since: int | None = None
    for at, signer in seen:
        since = (since or at) if signer == kid else None
    return since
