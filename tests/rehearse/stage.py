"""A deployment on a local stage, and a whole rehearsal of one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from keyturn.deploy.source import Ask
from keyturn.flows.rehearse import Rehearsal
from keyturn.flows.rehearse_clock import FastClock
from keyturn.flows.rehearse_crowd import Crowd, Living, People
from keyturn.flows.rehearse_ledger import Phase
from keyturn.flows.rehearse_naive import NaiveRehearsal
from keyturn.flows.rehearse_report import Report
from keyturn.wiring.rehearsal import LocalStage, fast_clock, open_stage

FEW = People(users=2, anonymous=1, servers=1, cron=1)


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[tuple[LocalStage, FastClock]]:
    """Yield the services of a folder, and their clock."""
    clock = fast_clock()
    async with open_stage(folder, Ask(), clock) as stage:
        yield stage, clock


async def rehearsed(
    folder: Path,
    people: People = FEW,
    others: Callable[[Crowd], Iterator[Living]] = lambda _: iter(()),
) -> Report:
    """Return what a rehearsal of ``folder`` shows."""
    async with standing(folder) as (stage, clock):
        rehearsal = Rehearsal(stage, clock, people, os.urandom, others=others)
        return await rehearsal.run()


async def naively(folder: Path, way: str, people: People = FEW) -> Report:
    """Return what following a guide to the letter shows."""
    async with standing(folder) as (stage, clock):
        naive = NaiveRehearsal(stage, clock, people, os.urandom)
        return await (naive.article() if way == "article" else naive.script())


def reasons(report: Report) -> list[str]:
    """Return everything that was refused or accepted wrongly, for a failing assertion."""
    return [
        *(
            f"{phase.name}: {count} x {one.act}: {one.status} {one.message} | {one.why}"
            for phase in report.phases
            for one, count in phase.refusals.items()
        ),
        *(f"{phase.name}: accepted {one}" for phase in report.phases for one in phase.intrusions),
        *(f"{phase.name}: {phase.outcome}: {phase.reason}" for phase in _stopped(report)),
    ]


def _stopped(report: Report) -> Iterator[Phase]:
    return (phase for phase in report.phases if phase.reason)


def phase(report: Report, name: str) -> Phase:
    """Return one phase."""
    return next(one for one in report.phases if one.name == name)
