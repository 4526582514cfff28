"""A statement that waits for a connection, while its caller waits for the answer only.

When all connections are lent, whoever wants one would be woken twice: for the connection and for
the answer. A queued statement is sent by the one that has just had an answer on that connection,
so PostgreSQL goes on at once, and its caller wakes up once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from keyturn.adapters.postgres.connection import Held
from keyturn.adapters.postgres.errors import DatabaseUnreachable


@dataclass(slots=True, eq=False)
class QueuedStatement:
    """Implements :class:`keyturn.adapters.postgres.places.Waiter`."""

    method: Callable[..., Awaitable[Any]]
    """How to run it, of asyncpg's ``PreparedStatement``."""
    sql: str
    args: tuple[Any, ...]
    deadline: float
    """Loop time until which it waits for a connection."""
    begin: Callable[[Held | None, QueuedStatement], None]
    """Starts somebody who runs it on the place."""
    late: Callable[[], DatabaseUnreachable]
    """Makes the error for a wait in vain."""
    answer: asyncio.Future[Any]
    runner: asyncio.Task[object] | None = field(default=None, init=False)
    """Who runs it at this moment; cancelled, it ends the statement on the server too."""

    def done(self) -> bool:
        """Whether its caller has an answer, or wants none any more."""
        return self.answer.done()

    def serve(self, held: Held | None) -> None:
        """Have it run on this place."""
        self.begin(held, self)

    def refuse(self) -> None:
        """Tell the caller that no connection became free in time."""
        self.answer.set_exception(self.late())

    def finish(self, result: Any) -> None:
        """Hand the caller the result."""
        self.runner = None
        if not self.answer.done():
            self.answer.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Hand the caller the error; an end of the whole program is a cancellation."""
        self.runner = None
        if self.answer.done():
            return
        if isinstance(error, Exception):
            self.answer.set_exception(error)
        else:
            self.answer.cancel()
