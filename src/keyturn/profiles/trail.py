"""The way of one request through one service, written down step by step."""

from __future__ import annotations

from keyturn.profiles.verdict import Outcome, StartFailure, Step, Verdict


class Trail:
    """Collects steps and ends in a verdict. Texts name settings and kids, never a secret."""

    def __init__(self, at: str) -> None:
        """``at`` is who decides: ``auth``, ``gateway``, …"""
        self._at = at
        self._steps: list[Step] = []

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps so far."""
        return tuple(self._steps)

    def passed(self, text: str) -> None:
        """Note a check that lets the request go on."""
        self._steps.append(Step(self._at, text, True))

    def remark(self, text: str) -> None:
        """Note something that decides nothing."""
        self._steps.append(Step(self._at, text))

    def accept(self, text: str, role: str | None) -> Verdict:
        """End: accepted as ``role``."""
        self.passed(text)
        return Verdict(Outcome.ACCEPTED, self.steps, role, 200)

    def downgrade(self, text: str, role: str, status: int = 200) -> Verdict:
        """End: no error, but as ``role`` instead of what the credential means."""
        self.remark(text)
        return Verdict(Outcome.DOWNGRADED, self.steps, role, status)

    def refuse(
        self, text: str, status: int | None, code: str | None = None, message: str | None = None
    ) -> Verdict:
        """End: refused in the service's own words."""
        self._steps.append(Step(self._at, text, False))
        return Verdict(Outcome.REFUSED, self.steps, None, status, code, message)

    def down(self, failure: StartFailure) -> Verdict:
        """End: the service does not start."""
        self._steps.append(Step(self._at, f"{failure.setting}: {failure.cause}", False))
        return Verdict(Outcome.DOWN, self.steps, message=failure.message)

    def end(self, outcome: Outcome, text: str, role: str | None = None) -> Verdict:
        """End in any other way: open, absent or unknown."""
        self.remark(text)
        return Verdict(outcome, self.steps, role)
