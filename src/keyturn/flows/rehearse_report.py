"""The result of a rehearsal as a value: numbers first, reasons behind them, no credential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyturn.flows.ports.rehearsal import LocalPart
from keyturn.flows.rehearse_ledger import Intrusion, Ledger, Outcome, Phase, Refusal, total


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was seen."""

    phases: tuple[Phase, ...]
    broken_before: tuple[Refusal, ...]
    cannot_move: tuple[Refusal, ...]
    open_before: tuple[str, ...]
    parts: tuple[LocalPart, ...]

    @classmethod
    def of(cls, ledger: Ledger, parts: Sequence[LocalPart]) -> Report:
        """Return what ``ledger`` counted."""
        return cls(
            tuple(ledger.phases),
            tuple(ledger.broken_before.values()),
            tuple(ledger.cannot_move.values()),
            tuple(sorted(kind.value for kind in ledger.open_before)),
            tuple(parts),
        )

    @property
    def requests(self) -> int:
        """Return how many requests were made, refused ones included."""
        return total(self.phases, lambda phase: phase.requests)

    @property
    def refused(self) -> int:
        """Return how many were refused that worked before."""
        return total(self.phases, lambda phase: phase.refused)

    @property
    def accepted(self) -> int:
        """Return how many passed that must be refused."""
        return total(self.phases, lambda phase: phase.accepted)

    @property
    def complete(self) -> bool:
        """Whether every phase could be done."""
        fine = (Outcome.DONE, Outcome.NOTHING_TO_DO)
        return all(phase.outcome in fine for phase in self.phases)

    @property
    def ok(self) -> bool:
        """Whether nothing that worked was refused, and nothing passed that must not."""
        return self.refused == 0 and self.accepted == 0

    def as_dict(self) -> dict[str, object]:
        """Return the report for JSON."""
        return {
            "ok": self.ok,
            "complete": self.complete,
            "requests": self.requests,
            "refused": self.refused,
            "accepted_forgeries": self.accepted,
            "users_signed_out": total(self.phases, lambda phase: phase.signed_out),
            "phases": [_phase(one) for one in self.phases],
            "broken_before": [_refusal(one) for one in self.broken_before],
            "cannot_move": [_refusal(one) for one in self.cannot_move],
            "open_before": list(self.open_before),
            "parts": [_part(one) for one in self.parts],
        }


def _phase(phase: Phase) -> dict[str, object]:
    longest = phase.longest
    return {
        "name": phase.name,
        "title": phase.title,
        "outcome": phase.outcome.value,
        "reason": phase.reason,
        "hint": phase.hint,
        "details": [one.as_dict() for one in phase.details],
        "seconds": round(phase.seconds),
        "steps": list(phase.steps),
        "waits": list(phase.waits),
        "notes": list(phase.notes),
        "requests": phase.requests,
        "refused": phase.refused,
        "refusals": [{**_refusal(one), "count": n} for one, n in phase.refusals.items()],
        "interrupted": phase.interrupted,
        "longest_interruption": longest
        and {"service": longest[0].value, "seconds": round(longest[1], 1)},
        "forgeries": phase.forged,
        "accepted_forgeries": [
            {**_intrusion(one), "count": n} for one, n in phase.intrusions.items()
        ],
        "users_signed_out": phase.signed_out,
    }


def _refusal(one: Refusal) -> dict[str, object]:
    return {
        "who": one.act.who,
        "what": one.act.what,
        "service": one.act.service.value,
        "credential": one.credential,
        "status": one.status,
        "code": one.code,
        "message": one.message,
        "why": one.why,
    }


def _intrusion(one: Intrusion) -> Mapping[str, object]:
    return {"service": one.service.value, "credential": one.credential, "direct": one.direct}


def _part(one: LocalPart) -> dict[str, object]:
    return {
        "service": one.service,
        "kind": one.kind.value,
        "stands_for": one.stands_for,
        "behaviour": one.behaviour,
    }
