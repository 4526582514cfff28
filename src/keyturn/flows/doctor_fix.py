"""The changes that doctor proposes: shown always, made only by the one path that changes files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from keyturn.deploy.edit import Edit, SetSetting, UncommentSetting
from keyturn.doctor.finding import Finding
from keyturn.doctor.lines import Change
from keyturn.doctor.report import Report
from keyturn.errors import Conflict
from keyturn.flows.change import Deployment, propose
from keyturn.flows.change import Proposal as Planned
from keyturn.migrate.delivery import tell
from keyturn.migrate.plan import Step

Proposal = tuple[Finding, tuple[Change, ...]]
VERB: Final = "fix"


class NothingToFix(Conflict):
    """Doctor proposes no safe change, or none for these findings."""

    code = "nothing_to_fix"
    default_hint = "What needs a decision says so: its lines are to be changed by hand."


class Applier(Protocol):
    """Makes edits in the user's files, journalled and reversible (ADR 5)."""

    async def apply(self, edits: Sequence[Edit]) -> None:
        """Make ``edits`` together, or none of them; raises ``KeyturnError``."""
        ...


@dataclass(frozen=True, slots=True)
class Fixes:
    """What was or would be changed."""

    safe: tuple[Proposal, ...]
    """Nobody loses access by these."""
    yours: tuple[Proposal, ...]
    """These cut somebody off or need a decision; they are never applied here."""
    applied: bool

    def as_dict(self) -> dict[str, object]:
        """Return the changes for JSON."""
        return {
            "applied": self.applied,
            "safe": [_shown(proposal) for proposal in self.safe],
            "yours": [_shown(proposal) for proposal in self.yours],
        }


async def fix(report: Report, applier: Applier | None) -> Fixes:
    """Apply the safe changes of ``report`` with ``applier``; without one only list them."""
    safe, yours = report.changes(safe=True), report.changes(safe=False)
    edits = [edit for finding, _ in safe for edit in finding.edits]
    if applier is None or not edits:
        return Fixes(safe, yours, applied=False)
    await applier.apply(edits)
    return Fixes(safe, yours, applied=True)


def name_of(finding: Finding) -> str:
    """Return ``KT005/storage``: the same finding at another service is another one."""
    return f"{finding.id}/{finding.service}" if finding.service else finding.id


def safe_edits(report: Report, findings: Collection[str] = ()) -> tuple[Edit, ...]:
    """Return the edits of the safe changes, in order.

    ``findings``: only of these, each an id (``KT005``) or a finding's :func:`name_of`.
    """
    return tuple(
        edit
        for finding, _ in report.changes(safe=True)
        if not findings or {finding.id, name_of(finding)} & set(findings)
        for edit in finding.edits
    )


def propose_fixes(deployment: Deployment, edits: Sequence[Edit]) -> Planned:
    """Return the plan of ``edits`` as one step; raises :class:`NothingToFix` without any."""
    if not edits:
        raise NothingToFix("There is no safe change to make.")
    there = deployment.inventory
    named = {one.service for one in edits if isinstance(one, SetSetting | UncommentSetting)}
    kinds = [one.kind for name, one in there.services.items() if name in named and one.kind]
    step = Step(
        "The safe changes that doctor proposes",
        edits=tuple(edits),
        services=tell(there, kinds, "Its environment is mended."),
    )
    return propose(deployment, (step,), title="Fixes of doctor", verb=VERB)


def _shown(proposal: Proposal) -> dict[str, object]:
    finding, changes = proposal
    return {
        "id": finding.id,
        "title": finding.title,
        "changes": [change.as_dict() for change in changes],
    }
