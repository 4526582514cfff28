"""What a service answers to a credential, and why: the words that every profile speaks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How it ends."""

    ACCEPTED = "accepted"
    """As the role that the credential names."""
    DOWNGRADED = "downgraded"
    """No error, but as ``anon``: rows are missing and nobody says why."""
    REFUSED = "refused"
    DOWN = "down"
    """The service does not start (or does not stay up) with this configuration."""
    OPEN = "open"
    """Nobody checks: the request passes whatever the credential is."""
    ABSENT = "absent"
    """The deployment does not have the service, or the credential does not exist in it."""
    UNKNOWN = "unknown"
    """It cannot be told from the files; ``steps`` says what is missing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One decision on the way, in order; ``text`` is a sentence without any secret."""

    at: str
    """Who decides: ``gateway``, ``storage``, …"""
    text: str
    ok: bool | None = None
    """True: goes on; False: this is what refuses; None: a remark."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of the way: status, code and message exactly as the service writes them."""

    outcome: Outcome
    steps: tuple[Step, ...] = ()
    role: str | None = None
    """The database role of an accepted or downgraded request."""
    status: int | None = None
    code: str | None = None
    """``PGRST301``, ``bad_jwt``, ``AccessDenied``, …; None where the service writes none."""
    message: str | None = None

    @property
    def why(self) -> str:
        """Return the sentence that decided: the first refusal, else the last step."""
        refusal = next((step.text for step in self.steps if step.ok is False), None)
        return refusal or (self.steps[-1].text if self.steps else "")

    def after(self, steps: tuple[Step, ...]) -> Verdict:
        """Return the same end with ``steps`` before its own."""
        return Verdict(
            self.outcome, steps + self.steps, self.role, self.status, self.code, self.message
        )

    def as_dict(self) -> dict[str, object]:
        """Return the verdict for JSON."""
        return {
            "outcome": self.outcome.value,
            "role": self.role,
            "status": self.status,
            "code": self.code,
            "message": self.message,
            "why": self.why,
            "steps": [{"at": s.at, "text": s.text, "ok": s.ok} for s in self.steps],
        }


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Why a service does not start with its configuration, in its own words."""

    message: str
    """What the service logs, verbatim where it is known."""
    setting: str
    """The environment variable that causes it."""
    cause: str
    """A sentence for people."""
