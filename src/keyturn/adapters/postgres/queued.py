"""A statement that waits for a connection, while its caller waits for the answer only.

When all connections are lent, whoever wants one would be woken twice: for the connection and for
the answer. A queued statement is sent by the one that has just had an answer on that connection,
so PostgreSQL goes on at once, and its caller wakes up once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from keyturn.adapters.postgres.connection import Held
from keyturn.adapters.postgres.errors import DatabaseUnreachable

MOST_TOGETHER: Final = 4
"""So many statements share a round trip and a commit; more would gain little and wait longer."""


@dataclass(slots=True, eq=False)
class QueuedStatement:
    """Implements :class:`keyturn.adapters.postgres.places.Waiter`."""

    method: Callable[..., Awaitable[Any]]
    """How to run it, of asyncpg's ``PreparedStatement``."""
    sql: str
    args: tuple[Any, ...]
    begin: Callable[[Held | None, QueuedStatement], None]
    """Starts somebody who runs it on the place."""
    late: Callable[[], DatabaseUnreachable]
    """Makes the error for a wait in vain."""
    answer: asyncio.Future[Any]
    sociable: bool
    """Whether it may run in one transaction with others of the same ``sql``."""
    deadline: float = field(default=0.0, init=False)
    """Loop time until which it waits for a connection."""
    runner: Together | None = field(default=None, init=False)
    """Who runs it at this moment; cancelled, it ends the statement on the server too."""

    def joins(self, other: QueuedStatement) -> bool:
        """Whether it may run together with ``other``."""
        return self.sociable and other.sociable and self.sql == other.sql

    def done(self) -> bool:
        """Whether its caller has an answer, or wants none any more."""
        return self.answer.done()

    def serve(self, held: Held | None) -> None:
        """Have it run on this place."""
        self.begin(held, self)

    def refuse(self) -> None:
        """Tell the caller that no connection became free in time."""
        self.answer.set_exception(self.late())

    def part(self) -> None:
        """Leave the company it was to run in: it waits once more, to run alone."""
        self.runner, self.sociable = None, False

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


@dataclass(slots=True, eq=False)
class Together:
    """What the current task runs at once: cancelled when nobody wants any of the answers."""

    members: Sequence[QueuedStatement]
    task: asyncio.Task[object] | None = field(default_factory=asyncio.current_task, init=False)

    def cancel(self) -> None:
        """End them on the server if this was the last who waited."""
        if self.task is not None and all(member.done() for member in self.members):
            self.task.cancel()
