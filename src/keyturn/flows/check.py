"""Verify a deployment from the outside, as the article's "Verifying your configuration" does.

Signs in, looks at the token, verifies it against the published JWKS, counts fetches, queries a
table, and tries forgeries. Each row of :data:`CHECKS` is one line of the report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from keyturn.clock import Clock
from keyturn.errors import KeyturnError, Unreachable
from keyturn.flows import check_jwks, check_session, check_token
from keyturn.flows.check_result import Check, Finding, NotAsked, Verdict
from keyturn.flows.check_run import Run
from keyturn.flows.check_target import Deployment, Target
from keyturn.flows.ports.http import HttpClient


@dataclass(frozen=True)
class Row:
    """One check, and the checks that must have passed before it makes sense."""

    name: str
    run: Callable[[Run], Awaitable[Finding]]
    needs: tuple[str, ...] = ()


CHECKS: Final = (
    Row("sign in with a password", check_session.sign_in),
    Row("read the token", check_token.show_token, ("sign in with a password",)),
    Row("asymmetric algorithm", check_token.algorithm, ("read the token",)),
    Row("published JWKS", check_jwks.published),
    Row("signature", check_token.signature, ("asymmetric algorithm", "published JWKS")),
    Row("JWKS caching", check_jwks.caching, ("published JWKS",)),
    Row("one fetch for two verifications", check_jwks.one_fetch, ("signature",)),
    Row("Auth accepts the token", check_session.ask_auth, ("read the token",)),
    Row("REST accepts the token", check_session.query_table, ("read the token",)),
    Row(
        "forged tokens are refused",
        check_token.refuse_forgeries,
        ("read the token", "published JWKS"),
    ),
)


@dataclass(frozen=True)
class Report:
    """All lines, and what became of the user that the check may have made."""

    checks: tuple[Check, ...]
    note: str | None


async def check(
    target: Target, http: HttpClient, clock: Clock, on_check: Callable[[Check], None]
) -> Report:
    """Run every check that makes sense; ``on_check`` hears of each line as it is known.

    Raises ``Unreachable`` when the deployment cannot be reached at all; an answer that is wrong
    is a failed check, never an exception.
    """
    run = Run(target, Deployment(target, http), clock)
    done: dict[str, Check] = {}
    try:
        for row in CHECKS:
            done[row.name] = await _one(row, run, done)
            on_check(done[row.name])
    finally:
        note = await _cleaned_up(run)
    return Report(tuple(done.values()), note)


async def _one(row: Row, run: Run, done: dict[str, Check]) -> Check:
    missing = [name for name in row.needs if done[name].verdict is not Verdict.PASSED]
    if missing:
        return Check(row.name, Verdict.NOT_RUN, f"needs: {missing[0]}", 0.0)
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        finding = await row.run(run)
    except NotAsked as reason:
        return Check(row.name, Verdict.NOT_RUN, reason.message, 0.0)
    except Unreachable:
        if not any(check.verdict is Verdict.PASSED for check in done.values()):
            raise
        return Check(row.name, Verdict.FAILED, "no answer any more", clock() - started)
    except KeyturnError as wrong:
        return Check(row.name, Verdict.FAILED, wrong.message, clock() - started, wrong.hint)
    return Check(row.name, Verdict.PASSED, finding.detail, clock() - started, facts=finding.facts)


async def _cleaned_up(run: Run) -> str | None:
    try:
        return await check_session.clean_up(run)
    except Unreachable as gone:
        return f"The user that was made for this check was not deleted: {gone.message}"
