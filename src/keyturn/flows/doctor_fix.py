"""The changes that doctor proposes: shown always, made only by the one path that changes files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from keyturn.deploy.edit import Edit
from keyturn.doctor.finding import Finding
from keyturn.doctor.lines import Change
from keyturn.doctor.report import Report

Proposal = tuple[Finding, tuple[Change, ...]]


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


def _shown(proposal: Proposal) -> dict[str, object]:
    finding, changes = proposal
    return {
        "id": finding.id,
        "title": finding.title,
        "changes": [change.as_dict() for change in changes],
    }
