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

from tests.authserver.test_message_hooks import hooked
from tests.support.hook_server import hook_server

from keyturn.adapters.postgres.pool import Pool

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
ROUNDS = 9
ALIKE = 1.5


class HasPool(Protocol):
    """The part of the ``database`` fixture that is used here."""

    async def pool(self, **options: Any) -> Pool: ...


async def work(auth: Any, body: dict[str, str]) -> float:
    """Processor seconds of one refused sign-in."""
    spent, answer = await measured(auth, "/token?grant_type=password", body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_credentials")
    return spent


async def measured(auth: Any, path: str, body: dict[str, str]) -> tuple[float, Any]:
    """Processor seconds of one request, and its answer."""
    before = time.process_time()
    answer = await auth.http.post(path, json=body)
    return time.process_time() - before, answer


def alike(spent: dict[str, list[float]], usual: str) -> None:
    """The medians must not differ by a factor that somebody could see."""
    medians = {name: statistics.median(times) for name, times in spent.items()}
    least, most = medians[usual] / ALIKE, medians[usual] * ALIKE
    assert all(least < each < most for each in medians.values()), medians


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
    alike(spent, "a wrong password")


async def test_signing_up_takes_the_same_work_whether_or_not_the_address_is_taken(
    open_server: OpenAuth,
) -> None:
    """Where addresses are confirmed by mail the answers are the same; so must be the work."""
    async with hook_server() as server:
        hooks = {**hooked("SEND_EMAIL", server), "GOTRUE_RATE_LIMIT_EMAIL_SENT": "10000"}
        async with open_server(KEYTURN_BCRYPT_COST="10", **hooks) as auth:
            await auth.sign_up("taken@example.com")
        waiting = {**hooks, "GOTRUE_MAILER_AUTOCONFIRM": "false", "GOTRUE_SMTP_MAX_FREQUENCY": "0s"}
        async with open_server(KEYTURN_BCRYPT_COST="10", **waiting) as auth:
            spent: dict[str, list[float]] = {"new": [], "taken": [], "waiting": []}
            for round_ in range(ROUNDS):
                for name, times in spent.items():
                    email = f"{name}{round_ if name == 'new' else ''}@example.com"
                    body = {"email": email, "password": "correct horse"}
                    seconds, answer = await measured(auth, "/signup", body)
                    assert answer.status_code == 200, answer.text
                    times.append(seconds)
    alike(spent, "new")
