"""How a rehearsal shows that it goes on: a bar per phase on a terminal, else a line per phase."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TextIO

from keyturn.cli.output import paint

if TYPE_CHECKING:
    from keyturn.flows.rehearse import Moment
    from keyturn.flows.rehearse_ledger import Phase

_WIDTH: Final = 24
_ERASE: Final = "\r\x1b[K"


class Progress:
    """Draws on ``stream``; call it with every moment, and :meth:`close` at the end."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bars = self._stream.isatty()
        self._phase: Phase | None = None

    def __call__(self, moment: Moment) -> None:
        """Show where the rehearsal is."""
        if self._phase is not None and moment.phase is not self._phase:
            self._finish(self._phase)
        self._phase = moment.phase
        if self._bars:
            self._stream.write(_ERASE + self._bar(moment))
            self._stream.flush()

    def close(self) -> None:
        """Finish the last line."""
        if self._phase is not None:
            self._finish(self._phase)
            self._phase = None

    def _bar(self, moment: Moment) -> str:
        done = round(_WIDTH * min(1.0, max(0.0, moment.part)))
        bar = "█" * done + "░" * (_WIDTH - done)
        phase = moment.phase
        numbers = f"{phase.requests} requests, {phase.refused} refused"
        return f"{phase.name:14} {bar} {numbers}  {moment.doing}"[:118]

    def _finish(self, phase: Phase) -> None:
        mark = paint(*_mark(phase), self._stream)
        start = _ERASE if self._bars else ""
        numbers = f"{phase.requests} requests, {phase.refused} refused"
        self._stream.write(f"{start}{mark} {phase.name:14} {phase.outcome.value}: {numbers}\n")
        self._stream.flush()


def _mark(phase: Phase) -> tuple[str, str]:
    if phase.refused or phase.accepted:
        return "RED ", "red"
    return ("ok  ", "green") if phase.outcome == "done" else ("--  ", "yellow")
