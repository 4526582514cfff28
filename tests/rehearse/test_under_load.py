"""Phases 1 to 3 and a rotation while all five verifiers are asked 300 times a second.

The load is on while something is changed and for a while after it; hours of waiting, which pass in
seconds, are left to the ordinary clients.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.rehearse.stage import reasons, rehearsed
from tests.support.deployments import healthy

from keyturn.clock import unix
from keyturn.deploy.inventory import VERIFIERS, Kind
from keyturn.flows.rehearse_caller import Good, Keys, rows_at_least, status_is
from keyturn.flows.rehearse_crowd import Crowd, Living, People
from keyturn.flows.rehearse_ledger import Act, Intrusion
from keyturn.flows.rehearse_users import TABLE
from keyturn.flows.rehearse_wallet import with_keys

RATE = 300
LINES = 30
FORGED_EVERY = 10
REQUESTS: dict[Kind, tuple[str, str, object, Good]] = {
    Kind.AUTH: ("GET", "/auth/v1/user", None, status_is(200)),
    Kind.REST: ("GET", f"{TABLE}?select=id", None, rows_at_least(1)),
    Kind.REALTIME: ("POST", "/realtime/v1/api/broadcast", {"messages": []}, status_is(202)),
    Kind.STORAGE: ("GET", "/storage/v1/bucket", None, status_is(200)),
    Kind.FUNCTIONS: ("POST", "/functions/v1/echo", {}, status_is(200)),
}


@dataclass
class Load:
    """So many requests a second, each with the token that a user has at that moment."""

    crowd: Crowd
    asked: Counter[Kind] = field(default_factory=Counter)
    forged: int = 0

    async def live(self) -> None:
        """Keep all lines busy."""
        async with asyncio.TaskGroup() as group:
            for line in range(LINES):
                group.create_task(self._line(line))

    async def _line(self, line: int) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for turn in itertools.count(1):
            due = max(due + LINES / RATE, loop.time() - 1)
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not self.crowd.caller.clock.busy:
                continue
            kind = VERIFIERS[(line + turn) % len(VERIFIERS)]
            await self._ask(kind, forged=turn % FORGED_EVERY == 0)

    async def _ask(self, kind: Kind, *, forged: bool) -> None:
        caller = self.crowd.caller
        user = self.crowd.users[self.asked.total() % len(self.crowd.users)]
        session = user.session
        if session is None or session.expires_at - unix(caller.clock()) < 60:
            return
        method, path, body, good = REQUESTS[kind]
        token = session.access[:-8] + "AAAAAAAA" if forged else session.access
        call = with_keys(method, path, Keys(user.holder.current, token), body)
        if not forged:
            self.asked[kind] += 1
            await caller.ask(Act("the load", f"asks {kind}", kind), call, good)
            return
        answer = await caller.once(call)
        if answer is not None and answer.status not in (502, 503, 504):
            self.forged += 1
            passed = good(answer) is None
            caller.ledger.forged(Intrusion(kind, "torn signature", False), accepted=passed)


@pytest.mark.timeout(600)
async def test_nobody_is_refused_and_nothing_forged_passes_under_load(tmp_path: Path) -> None:
    healthy(tmp_path, "2026-envoy", asymmetric=False)
    loads: list[Load] = []

    def others(crowd: Crowd) -> Iterator[Living]:
        loads.append(Load(crowd))
        yield loads[-1]

    report = await rehearsed(tmp_path, People(1, 1, 1, 1), others)

    assert report.ok, reasons(report)
    assert report.complete, reasons(report)
    assert (report.refused, report.accepted) == (0, 0)
    (load,) = loads
    assert min(load.asked[kind] for kind in VERIFIERS) > 300
    assert load.forged > 100
    assert report.requests > load.asked.total()
