"""Hooks that are functions of the database: one statement, at most two seconds."""

from __future__ import annotations

from typing import Final

import asyncpg

from keyturn.accounts.hooks import FunctionHook, HookFailed
from keyturn.adapters.postgres.account_errors import translated
from keyturn.adapters.postgres.pool import Pool

SECONDS: Final = 2.0


class FunctionHooks:
    """Calls functions as the Auth server's own role, as GoTrue does."""

    def __init__(self, pool: Pool, *, seconds: float = SECONDS) -> None:
        self._pool = pool
        self._seconds = seconds

    async def call(self, hook: FunctionHook, payload: bytes) -> bytes | None:
        """Return what the function returned; raises ``HookFailed`` and ``DatabaseRefused``.

        A function that runs too long is cancelled in PostgreSQL too.
        """
        sql = f'select "{hook.schema}"."{hook.name}"($1)::text'
        with translated("hook_function"):
            async with self._pool.connection() as held:
                statement = await held.prepared(sql)
                # Inside: the pool takes a TimeoutError for a broken connection.
                try:
                    answer: str | None = await statement.fetchval(
                        payload.decode(), timeout=self._seconds
                    )
                except (TimeoutError, asyncpg.QueryCanceledError):
                    raise self._late() from None
        return None if answer is None else answer.encode()

    def _late(self) -> HookFailed:
        text = f"Failed to run hook within maximum time of {self._seconds:f} seconds"
        return HookFailed(422, text, "hook_timeout")
