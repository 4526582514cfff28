"""Whether an account exists must not be told by how much work its refusal takes.

The work is the processor time of this process, not the time on a clock: a busy machine stretches
the one and leaves the other. Only a factor counts, far larger than any noise and far smaller than
the one that a missing password hash makes (ten and more).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from keyturn.adapters.postgres.pool import Pool

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
ROUNDS = 9
ALIKE = 1.5


class HasPool(Protocol):
    """The part of the ``database`` fixture that is used here."""

    async def pool(self, **options: Any) -> Pool: ...


async def work(auth: Any, body: dict[str, str]) -> float:
    """Processor seconds of one refused sign-in."""
    before = time.process_time()
    answer = await auth.http.post("/token?grant_type=password", json=body)
    spent = time.process_time() - before
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_credentials")
    return spent


async def test_refusals_take_the_same_work_whatever_is_wrong(
    open_server: OpenAuth, database: HasPool
) -> None:
    """Rounds of all cases in turns, the medians compared."""
    pool = await database.pool(size=1)
    async with open_server(KEYTURN_BCRYPT_COST="9", GOTRUE_EXTERNAL_PHONE_ENABLED="true") as auth:
        for name in ("ada", "by-link", "banned"):
            await auth.sign_up(f"{name}@example.com")
        await pool.execute(
            "update auth.users set encrypted_password = null where email like 'by-link%'"
        )
        await pool.execute(
            "update auth.users set banned_until = now() + interval '1 day' "
            "where email like 'banned%'"
        )
        cases = {
            "a wrong password": {"email": "ada@example.com", "password": "wrong"},
            "nobody": {"email": "nobody@example.com", "password": "wrong"},
            "no such number": {"phone": "4915112345", "password": "wrong"},
            "an account without a password": {"email": "by-link@example.com", "password": "wrong"},
            "a banned account": {"email": "banned@example.com", "password": "wrong"},
            "an address that nobody can have": {"email": "\0", "password": "wrong"},
        }
        spent: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, body in cases.items():
                spent[name].append(await work(auth, body))
    medians = {name: statistics.median(times) for name, times in spent.items()}
    usual = medians["a wrong password"]
    assert all(usual / ALIKE < each < usual * ALIKE for each in medians.values()), medians
