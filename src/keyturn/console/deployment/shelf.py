"""The plans that were shown: what is carried out is exactly what somebody looked at.

They live in memory only, because their new contents are secret; few are kept, and not for long. An
input that changed meanwhile is found when the plan begins.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keyturn.errors import Conflict
from keyturn.flows.change import Proposal

MOST: Final = 12
LASTS: Final = timedelta(minutes=30)


class PlanGone(Conflict):
    """This plan is no longer here: it was carried out, is too old, or was made before a restart."""

    code = "plan_gone"
    default_hint = "Look at the plan again; it is made anew."


@dataclass(frozen=True)
class Shelved:
    """A plan and when it was made."""

    proposal: Proposal
    made: datetime
    revokes: str | None
    """The key whose name has to be typed before the plan is carried out."""

    @property
    def id(self) -> str:
        """The plan's own name."""
        return self.proposal.prepared.plan.id


class Shelf:
    """Keeps the newest plans; one per process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Shelved] = OrderedDict()

    def put(self, proposal: Proposal, now: datetime, revokes: str | None = None) -> Shelved:
        """Keep ``proposal`` and drop the oldest ones."""
        kept = Shelved(proposal, now, revokes)
        self._kept[kept.id] = kept
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return kept

    def get(self, name: str, now: datetime) -> Shelved:
        """Return a plan; raises :class:`PlanGone`."""
        found = self._kept.get(name)
        if found is None or now - found.made > LASTS:
            raise PlanGone
        return found

    def clear(self) -> None:
        """Drop all of them: something was changed, so none of them fits any more."""
        self._kept.clear()
