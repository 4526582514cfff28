"""Doctor: read a deployment, look at what runs, and say what is wrong and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from keyturn.deploy.inventory import VERIFIERS, Inventory, Kind
from keyturn.deploy.read import inventory as read_inventory
from keyturn.deploy.source import Ask, Source
from keyturn.doctor.canaries import Canaries, Entropy, canaries
from keyturn.doctor.catalogue import examine
from keyturn.doctor.facts import DatabaseFacts, LogFacts, ProbeFacts, Unknown
from keyturn.doctor.finding import Facts
from keyturn.doctor.matrix import Matrix, matrix
from keyturn.doctor.readiness import readiness
from keyturn.doctor.report import Report, gaps
from keyturn.doctor.why import Why, read, trace
from keyturn.errors import Unreachable

Found = TypeVar("Found")

NO_PROBE = Unknown("not asked; --probe URL asks them with short-lived tokens.")
NO_DATABASE = Unknown("not asked; --database-url-file FILE reads settings, webhooks and jobs.")
NO_LOGS = Unknown("not asked; --access-log FILE shows who fetches the JWKS, and how often.")


@dataclass(frozen=True, slots=True)
class Looks:
    """How to look at what runs; None where the user did not ask for it."""

    probe: Callable[[Inventory, Canaries], Awaitable[ProbeFacts | Unknown]] | None = None
    database: Callable[[], Awaitable[DatabaseFacts | Unknown]] | None = None
    logs: Callable[[], Awaitable[LogFacts | Unknown]] | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants to know beyond the findings."""

    with_matrix: bool = True
    probe_service_role: bool = False
    """Whether the running services may be asked with the powerful keys as well."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A report, and what could not be reached while it was made."""

    report: Report
    unreachable: tuple[str, ...] = ()
    """Sentences about what was asked and did not answer."""


async def diagnose(
    source: Source,
    ask: Ask,
    looks: Looks,
    wish: Wish,
    *,
    now: datetime,
    randomness: Entropy,
) -> Examined:
    """Return everything that can be said about the deployment in ``source``.

    Raises ``Unreadable`` when its files cannot be read as Compose or Kubernetes would. What runs
    and cannot be reached is told in the result: the files were read all the same.
    """
    found = read_inventory(source, ask)
    held = canaries(found, now, randomness, include_service_role=True)
    sent = held if wish.probe_service_role else held.without_service_role()
    probes, database, logs = await asyncio.gather(
        _look(None if looks.probe is None else looks.probe(found, sent), NO_PROBE),
        _look(None if looks.database is None else looks.database(), NO_DATABASE),
        _look(None if looks.logs is None else looks.logs(), NO_LOGS),
    )
    facts, table, past = _compared(Facts(found, now, database, probes, logs), held)
    report = Report(
        facts,
        examine(facts),
        table if wish.with_matrix else None,
        readiness(facts),
        gaps(facts),
        past if wish.with_matrix and past.services else None,
    )
    asked = ((probes, NO_PROBE), (database, NO_DATABASE))
    silent = [
        one.reason for one, unasked in asked if isinstance(one, Unknown) and one is not unasked
    ]
    return Examined(report, tuple(silent))


async def explain(
    source: Source,
    ask: Ask,
    text: str,
    services: Sequence[Kind] = VERIFIERS,
    *,
    now: datetime,
) -> tuple[Inventory, Why]:
    """Follow the credential in ``text`` through the deployment; raises ``NotACredential``."""
    found = read_inventory(source, ask)
    return found, trace(read(text, found, now), found, now, services=services)


def _compared(facts: Facts, held: Canaries) -> tuple[Facts, Matrix, Matrix]:
    """Return the facts with what contradicts the files, and the matrices of both ways."""
    table, past = _matrix(facts, held), _matrix(facts, held, direct=True)
    differences = table.contradictions + past.contradictions
    return replace(facts, differences=differences), table, past


def _matrix(facts: Facts, held: Canaries, *, direct: bool = False) -> Matrix:
    found = facts.inventory
    missing, probes = held.missing, facts.probes
    return matrix(found, held, facts.now, missing=missing, probes=probes, direct=direct)


async def _look(asked: Awaitable[Found | Unknown] | None, without: Unknown) -> Found | Unknown:
    if asked is None:
        return without
    try:
        return await asked
    except Unreachable as problem:
        return Unknown(problem.message)
