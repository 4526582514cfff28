"""The matrix: what each service answers to each kind of credential, predicted and observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.doctor.facts import Answer, Difference, ProbeFacts, Unknown
from keyturn.doctor.why import Follow, by_profiles
from keyturn.profiles.request import Credential, CredentialKind
from keyturn.profiles.verdict import Outcome, Verdict

HOSTILE: Final = frozenset(
    {CredentialKind.FORGED, CredentialKind.EXPIRED, CredentialKind.UNKNOWN_KID}
)
"""The credentials that every service should refuse; the others should be accepted."""

OPAQUE: Final = frozenset({CredentialKind.PUBLISHABLE, CredentialKind.SECRET})
"""The keys that only a gateway understands."""

_NO_PREDICTION: Final = (Outcome.UNKNOWN, Outcome.ABSENT)
_LETS_IN: Final = (Outcome.ACCEPTED, Outcome.DOWNGRADED, Outcome.OPEN)


class Judgement(StrEnum):
    """What a cell means for the user."""

    GOOD = "good"
    """A genuine credential is accepted, or a hostile one refused."""
    BAD = "bad"
    """A genuine credential is not accepted as itself, or a hostile one is."""
    NEUTRAL = "neutral"
    """Nothing to say: absent, unknown, or nobody checks."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One service and one credential."""

    service: Kind
    credential: CredentialKind
    predicted: Verdict
    observed: Answer | None = None
    """None: not asked."""
    direct: bool = False
    """Past the gateway, where nobody turns an sb_ key into a token."""

    @property
    def accepted(self) -> bool | None:
        """Whether the running service took it; None when it was not asked or did not tell."""
        return self.observed.accepted if self.observed else None

    @property
    def differs(self) -> bool:
        """Whether the running service did something else than the files say."""
        outcome = self.predicted.outcome
        if self.observed is None or outcome in _NO_PREDICTION:
            return False
        if self.observed.status is None:
            return outcome is not Outcome.DOWN
        return self.accepted is not None and self.accepted != (outcome in _LETS_IN)

    @property
    def judgement(self) -> Judgement:
        """Return what the cell means; an observation outranks the prediction."""
        outcome = self.predicted.outcome
        hostile = self.credential in HOSTILE
        if self.direct and self.credential in OPAQUE and not self.differs:
            return Judgement.NEUTRAL
        if self.differs and self.accepted is not None:
            return Judgement.GOOD if self.accepted != hostile else Judgement.BAD
        if self.differs:
            return Judgement.BAD
        return _judged(outcome, hostile=hostile)

    def as_dict(self) -> dict[str, object]:
        """Return the cell for JSON."""
        seen = self.observed
        return {
            "service": self.service.value,
            "credential": self.credential.value,
            "predicted": self.predicted.as_dict(),
            "observed": seen
            and {
                "status": seen.status,
                "code": seen.code,
                "message": seen.message,
                "accepted": seen.accepted,
                "by_gateway": seen.by_gateway,
            },
            "differs": self.differs,
            "judgement": self.judgement.value,
        }


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells; rows are the services that the deployment has, in the order of ``VERIFIERS``."""

    services: tuple[Kind, ...]
    cells: Mapping[tuple[Kind, CredentialKind], Cell]
    missing: Mapping[CredentialKind, str] = field(default_factory=dict)
    """Credentials that the deployment does not have, each with the reason."""
    observed: bool = False

    def cell(self, service: Kind, credential: CredentialKind) -> Cell | None:
        """Return one cell, None where the service or the credential does not exist."""
        return self.cells.get((service, credential))

    @property
    def columns(self) -> tuple[CredentialKind, ...]:
        """Return the credentials in the order of the columns."""
        return tuple(CredentialKind)

    def of(self, judgement: Judgement) -> tuple[Cell, ...]:
        """Return the cells that mean ``judgement``, row by row."""
        return tuple(one for one in self.cells.values() if one.judgement is judgement)

    @property
    def differences(self) -> tuple[Cell, ...]:
        """Return the cells in which the running services contradict the files."""
        return tuple(one for one in self.cells.values() if one.differs)

    @property
    def contradictions(self) -> tuple[Difference, ...]:
        """Return the differences in which the running service said clearly what it did."""
        return tuple(
            Difference(one.service, one.credential, one.accepted, one.observed.said)
            for one in self.differences
            if one.observed is not None and one.accepted is not None
        )

    def as_dict(self) -> dict[str, object]:
        """Return the matrix for JSON."""
        return {
            "services": [one.value for one in self.services],
            "credentials": [one.value for one in self.columns],
            "missing": {kind.value: reason for kind, reason in self.missing.items()},
            "observed": self.observed,
            "cells": [cell.as_dict() for cell in self.cells.values()],
        }


def matrix(
    inventory: Inventory,
    credentials: Mapping[CredentialKind, Credential],
    now: datetime,
    *,
    missing: Mapping[CredentialKind, str] | None = None,
    probes: ProbeFacts | Unknown | None = None,
    direct: bool = False,
    follow: Follow | None = None,
) -> Matrix:
    """Return the matrix; ``follow`` replaces the profiles in tests.

    ``direct`` is the matrix past the gateway: only of the services that were asked so.
    """
    ask = follow or by_profiles(now, direct=direct)
    answers = _answers(probes, direct=direct)
    asked = {service for service, _ in answers}
    services = tuple(
        kind for kind in VERIFIERS if inventory.of_kind(kind) and (kind in asked or not direct)
    )
    cells = {
        (service, kind): Cell(
            service,
            kind,
            ask(inventory, credentials[kind], service),
            answers.get((service, kind)),
            direct,
        )
        for service in services
        for kind in CredentialKind
        if kind in credentials
    }
    return Matrix(services, cells, missing or {}, observed=bool(answers))


def _answers(
    probes: ProbeFacts | Unknown | None, *, direct: bool
) -> Mapping[tuple[Kind, CredentialKind], Answer]:
    """Return what came back on one of the ways, for Realtime from its socket where it was asked.

    A user's token travels inside a socket, so a probe asks Realtime about it by REST, where the
    same code verifies it. Where nothing answered at all there is nothing to compare.
    """
    if not isinstance(probes, ProbeFacts) or all(one.status is None for one in probes.answers):
        return {}
    this_way = [one for one in probes.answers if one.direct is direct]
    sockets_last = sorted(this_way, key=lambda one: one.websocket)
    return {(one.service, one.credential): one for one in sockets_last}


def _judged(outcome: Outcome, *, hostile: bool) -> Judgement:
    match outcome:
        case Outcome.ACCEPTED | Outcome.DOWNGRADED:
            good = not hostile and outcome is Outcome.ACCEPTED
            # A hostile token that ends as anon got nothing that anon does not have.
            if hostile and outcome is Outcome.DOWNGRADED:
                return Judgement.NEUTRAL
            return Judgement.GOOD if good else Judgement.BAD
        case Outcome.REFUSED:
            return Judgement.GOOD if hostile else Judgement.BAD
        case Outcome.DOWN:
            return Judgement.BAD
        case Outcome.OPEN | Outcome.ABSENT | Outcome.UNKNOWN:
            return Judgement.NEUTRAL
