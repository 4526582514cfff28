"""The changes of ``doctor --fix``, made by the one path that changes a user's files (ADR 5)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from keyturn.deploy.edit import Edit
from keyturn.flows.apply_plan import begin
from keyturn.flows.doctor_fix import propose_fixes
from keyturn.flows.ports.apply import Moment, Progress
from keyturn.migrate.commands import describe
from keyturn.wiring.change import ChangeOptions, Talk, Workshop


class Fixer:
    """The :class:`~keyturn.flows.doctor_fix.Applier` of a compose folder."""

    def __init__(self, options: ChangeOptions) -> None:
        """``options.runner`` says how services are told, as for ``keyturn migrate``."""
        self._options = options

    async def apply(self, edits: Sequence[Edit]) -> None:
        """Make ``edits`` as one step: journalled, backed up, taken back when a service fails."""
        workshop = Workshop(self._options)
        proposal = propose_fixes(workshop.deployment(await workshop.dialect()), edits)
        ports = await workshop.ports(Talk(_tell, _line, _nobody))
        await begin(ports, proposal.prepared, chosen=workshop.chosen())


def _tell(progress: Progress) -> None:
    if progress.moment in (Moment.DONE, Moment.FAILED, Moment.RESTORED):
        _line(f"{progress.moment.value:>8}  {describe(progress.command)}")


def _line(text: str) -> None:
    sys.stderr.write(f"{text}\n")


async def _nobody(question: str) -> bool:
    del question
    return False
